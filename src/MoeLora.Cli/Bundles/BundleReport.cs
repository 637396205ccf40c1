using System.Globalization;
using MoeLora.Adapters.Bundles;
using MoeLora.Cli.Terminals;
using MoeLora.Cli.Verification;
using MoeLora.Tensors;
using Spectre.Console;

namespace MoeLora.Cli.Bundles;

/// <summary>What a bundle is and whether it passes its proof. Also the JSON that is printed.</summary>
internal sealed class BundleReport : IVerdict
{
    public BundleReport(AdapterBundle bundle, BundleVerification verification, string device)
    {
        Bundle = bundle.Directory;
        FormatVersion = bundle.Manifest.FormatVersion;
        Name = $"{bundle.Manifest.Name}";
        Version = $"{bundle.Manifest.Version}";
        ContentHash = $"{bundle.Hash}";
        BaseModelHash = bundle.Manifest.BaseModelHash;
        Tasks = bundle.Manifest.Tasks.Count;
        Weights = verification.Weights.Name();
        Device = device;
        Passed = verification.Passed;
        Checks = [.. verification.Results.Select(result => new CheckRow(
            result.Check,
            result.Task.Id,
            $"{result.Task.Name}",
            bundle.Checks![result.Check - 1].Prompt.Count,
            result.Form,
            result.LogitDifference,
            result.Tolerance,
            result.AnswerShortfall,
            result.Passed))];
        Faults = verification.Faults;
    }

    /// <summary>Its directory.</summary>
    public string Bundle { get; }

    public int FormatVersion { get; }

    public string Name { get; }

    public string Version { get; }

    public string ContentHash { get; }

    public string BaseModelHash { get; }

    public int Tasks { get; }

    /// <summary>How the model's weights were kept.</summary>
    public string Weights { get; }

    public string Device { get; }

    public bool Passed { get; }

    /// <summary>Every check in both forms.</summary>
    public IReadOnlyList<CheckRow> Checks { get; }

    /// <summary>Everything that is wrong, in words.</summary>
    public IReadOnlyList<string> Faults { get; }

    public void Print(Terminal terminal)
    {
        Table table = new Table { Border = terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii }
            .AddColumns("check", "task", "prompt", "form", "logits differ by", "allowed", "answer below by", "result");
        foreach (CheckRow row in Checks)
        {
            table.AddRow(
                new Text($"{row.Check}"),
                new Text(row.Task),
                new Text($"{row.PromptTokens} tokens"),
                new Text(row.Form == AdapterForm.Merged ? "merged" : "shared"),
                new Text(Number(row.LogitDifference)),
                new Text(Number(row.Tolerance)),
                new Text(Number(row.AnswerShortfall)),
                row.Passed ? new Text("ok", Color.Green) : new Text("FAILED", Color.Red));
        }

        terminal.Out.WriteLine($"{Bundle}: bundle {Name} {Version}, {Tasks} tasks, {ContentHash}");
        terminal.Out.WriteLine($"base model {BaseModelHash}, {Weights} weights on {Device}");
        if (Checks.Count > 0)
            terminal.OutConsole().Write(table);
        foreach (string fault in Faults)
            terminal.Out.WriteLine(fault);
        terminal.Out.WriteLine(Passed
            ? $"PASSED: {Checks.Count} answers are those of the bundle, shared and merged"
            : $"FAILED: {Faults.Count} {(Faults.Count == 1 ? "fault" : "faults")}");
    }

    private static string Number(double value) => value == 0 ? "0" : value.ToString("0.##e+0", CultureInfo.InvariantCulture);
}

/// <summary>A check in one form.</summary>
/// <param name="Check">Its position in the bundle, from 1.</param>
/// <param name="TaskId">The task's id.</param>
/// <param name="Task">The task's name.</param>
/// <param name="PromptTokens">Length of the prompt.</param>
/// <param name="Form">How it was served.</param>
/// <param name="LogitDifference">The largest difference of a logit.</param>
/// <param name="Tolerance">What is allowed of it; twice as much of the shortfall.</param>
/// <param name="AnswerShortfall">How far a token of the kept answer is below the likeliest, at most.</param>
/// <param name="Passed">Whether both are within what is allowed.</param>
internal sealed record CheckRow(int Check, int TaskId, string Task, int PromptTokens, AdapterForm Form, double LogitDifference, double Tolerance, double AnswerShortfall, bool Passed);
