using System.CommandLine;
using System.Text.Json.Nodes;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Fhir;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora audit</c>: what can be done with an audit trail without its node.</summary>
internal sealed class AuditCommand : CommandGroup
{
    /// <param name="terminal">Where it speaks.</param>
    /// <param name="read">Reads the configuration of a stopped node.</param>
    public AuditCommand(Terminal terminal, Func<string, NodeSettings> read)
        : base("audit", "Verifies, exports and mends audit trails, without a running node.")
    {
        Add(new AuditVerifyCommand(terminal));
        Add(new AuditExportCommand(terminal));
        Add(new AuditContinueCommand(terminal, read));
    }
}

/// <summary><c>moelora audit verify</c>: computes the chain again.</summary>
internal sealed class AuditVerifyCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _directories = new("directory") { Description = "The trail's directory, and those that older segments were moved to.", HelpName = "DIR", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _head = new("--head") { Description = "A head that was kept of an earlier verification, or a file that holds it: the trail must still contain it.", HelpName = "FILE|HEAD" };
    private readonly JsonOption _json = new();

    public AuditVerifyCommand(Terminal terminal)
        : base("verify", "Computes an audit trail's hash chain again and names the first record that is changed, missing or out of order.")
    {
        _terminal = terminal;
        Add(_directories);
        Add(_head);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples => ["moelora audit verify state/audit", "moelora audit verify state/audit --head kept/node-1.head"];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        AuditHead? kept = parsed.GetValue(_head) is { } text ? ReadHead(text) : null;
        AuditVerdict verdict = Verify(parsed.GetRequiredValue(_directories), kept, cancellation);
        var head = new AuditHead(verdict.LastSequence, verdict.LastHash);
        if (parsed.GetValue(_json))
        {
            _terminal.Out.WriteLine(new JsonObject
            {
                ["records"] = verdict.Records,
                ["broken_at"] = verdict.BrokenAt,
                ["problem"] = verdict.Problem,
                ["last_hash"] = verdict.LastHash,
                ["head"] = head.ToString(),
            }.ToJsonString());
        }
        else if (verdict.BrokenAt is { } broken)
            _terminal.Out.WriteLine($"Broken at record {broken}: {verdict.Problem}");
        else
            _terminal.Out.WriteLine($"{verdict.Records} records, whole{(kept is null ? "" : $", and record {kept.Sequence} is the one that was kept")}.\nHead, to be kept elsewhere for the next --head: {head}{(verdict.Problem is null ? "" : $"\n{verdict.Problem}")}");
        return Task.FromResult(verdict.BrokenAt is null ? ExitCode.Ok : ExitCode.Failed);
    }

    private static AuditHead ReadHead(string text)
    {
        try
        {
            bool isFile = File.Exists(text);
            return AuditHead.TryParse(isFile ? File.ReadAllText(text) : text)
                ?? throw new CommandException($"--head: {(isFile ? $"the file '{text}' holds no head" : $"'{text}' is neither a file nor a head")}: a head is a record's number, a space and 64 hexadecimal digits.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"--head: '{text}' cannot be read: {e.Message}");
        }
    }

    private static AuditVerdict Verify(string[] directories, AuditHead? kept, CancellationToken cancellation)
    {
        try
        {
            return AuditFiles.Verify(directories, kept, cancellation);
        }
        catch (Exception e) when (e is AuditTrailException or IOException)
        {
            throw new CommandException(e.Message);
        }
    }
}

/// <summary><c>moelora audit export</c>: records in another form.</summary>
internal sealed class AuditExportCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string[]> _directories = new("directory") { Description = "The trail's directory, and those that older segments were moved to.", HelpName = "DIR", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _out = new("--out") { Description = "File to write; it must not be there yet.", HelpName = "FILE", Required = true };

    public AuditExportCommand(Terminal terminal)
        : base("export", "Writes an audit trail as FHIR R4: a Bundle of AuditEvent and Provenance resources.")
    {
        _terminal = terminal;
        Add(_directories);
        Add(_out);
    }

    public override IReadOnlyList<string> Examples => ["moelora audit export state/audit --out audit.json"];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string[] directories = parsed.GetRequiredValue(_directories);
        try
        {
            await using FileStream file = new(parsed.GetRequiredValue(_out), FileMode.CreateNew);
            await new FhirAuditFormat().WriteAsync(AuditFiles.Read(directories, new AuditQuery()).ToAsyncEnumerable(), file, cancellation);
        }
        catch (AuditTrailException e)
        {
            throw new CommandException(e.Message);
        }

        _terminal.Out.WriteLine($"Wrote {parsed.GetRequiredValue(_out)}.");
        return ExitCode.Ok;
    }
}
