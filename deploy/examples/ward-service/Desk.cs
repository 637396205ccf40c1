using Microsoft.Extensions.AI;
using MoeLora.Client;
using MoeLora.Client.Chat;
using MoeLora.Contracts;

namespace WardService;

/// <summary>What a query is about, and which version of the adapter says so.</summary>
/// <param name="Category">One of the categories.</param>
/// <param name="Version">The version that answered.</param>
/// <param name="Silo">The silo that answered.</param>
internal sealed record Triage(string Category, string? Version, string Silo);

/// <summary>What a doctor might say next, for the doctor to change.</summary>
/// <param name="Text">It.</param>
/// <param name="Version">The version that wrote it.</param>
internal sealed record Draft(string Text, string? Version);

/// <summary>A visit report.</summary>
/// <param name="Version">The version of the adapter that writes it, to its end.</param>
/// <param name="Silo">The silo that began it.</param>
/// <param name="Text">Its text as it comes. It throws a <see cref="ReportBrokeOffException"/> when it breaks off: what came before is not the whole report.</param>
internal sealed record Report(string? Version, string Silo, IAsyncEnumerable<string> Text);

/// <summary>A report broke off, and the log knows why.</summary>
internal sealed class ReportBrokeOffException : Exception;

/// <summary>Asks the grid's tasks.</summary>
internal sealed partial class Desk(IModelGrid grid, IChatClient chat, ILogger<Desk> logger)
{
    // KUAKE-QIC's categories: the answer can be nothing else.
    private static readonly string[] Categories =
    [
        "病情诊断", "病因分析", "治疗方案", "就医建议", "指标解读", "疾病表述", "后果表述", "注意事项", "功效作用", "医疗费用", "其他",
    ];

    /// <summary>Sorts a query; null when the grid refused, with the reason in the log.</summary>
    public async Task<Triage?> TriageAsync(string query, CancellationToken cancellation)
    {
        var request = new GenerationRequest
        {
            Model = ModelRef.Parse("KUAKE-QIC"),
            Prompt = new TextPrompt(query),
            MaxTokens = 32,
            Constraint = new ChoiceOutput(Categories),
        };
        if (!(await grid.GenerateAsync(request, cancellation)).TryGet(out IAsyncEnumerable<GenerationEvent>? answer, out GridError? error))
        {
            LogRefused(request.Model, error.Kind, error.Message);
            return null;
        }

        string category = "";
        await foreach (GenerationEvent item in answer.WithCancellation(cancellation))
        {
            switch (item)
            {
                case TokenChunk chunk:
                    category += chunk.Text;
                    break;
                case GenerationFinished finished:
                    return new Triage(category, finished.Provenance.Version, finished.Provenance.Node);
                case GenerationFailed failed:
                    LogRefused(request.Model, failed.Error.Kind, failed.Error.Message);
                    return null;
            }
        }

        return null;
    }

    /// <summary>Drafts a doctor's next words, by Microsoft's interface for chats; null when the grid refused, with the reason in the log.</summary>
    public async Task<Draft?> DraftAsync(string dialogue, CancellationToken cancellation)
    {
        const string Model = "MedDG";
        try
        {
            ChatResponse answer = await chat.GetResponseAsync(dialogue, new ChatOptions { ModelId = Model, MaxOutputTokens = 64, Temperature = 0 }, cancellation);
            return new Draft(answer.Text, (answer.AdditionalProperties?[MoeLoraChatClient.ProvenanceKey] as Provenance)?.Version);
        }
        catch (MoeLoraException refused)
        {
            LogRefused(ModelRef.Parse(Model), refused.Error.Kind, refused.Error.Message);
            return null;
        }
    }

    /// <summary>Writes a visit report of a dialogue as it is generated; null when the grid refused, with the reason in the log.</summary>
    public async Task<Report?> ReportAsync(string dialogue, CancellationToken cancellation)
    {
        var request = new GenerationRequest { Model = ModelRef.Parse("IMCS-V2-MRG"), Prompt = new TextPrompt(dialogue), MaxTokens = 196 };
        if (!(await grid.GenerateAsync(request, cancellation)).TryGet(out IAsyncEnumerable<GenerationEvent>? answer, out GridError? error))
        {
            LogRefused(request.Model, error.Kind, error.Message);
            return null;
        }

        IAsyncEnumerator<GenerationEvent> events = answer.GetAsyncEnumerator(cancellation);
        if (await events.MoveNextAsync() && events.Current is GenerationStarted started)
            return new Report(started.Provenance.Version, started.Provenance.Node, ReadAsync(request.Model, events));
        await events.DisposeAsync();
        LogRefused(request.Model, GridErrorKind.Internal, "The answer did not begin.");
        return null;
    }

    /// <summary>The text as it comes. When a silo is lost another one goes on, and the reader sees no difference.</summary>
    private async IAsyncEnumerable<string> ReadAsync(ModelRef model, IAsyncEnumerator<GenerationEvent> events)
    {
        await using IAsyncEnumerator<GenerationEvent> owned = events;
        while (await owned.MoveNextAsync())
        {
            if (owned.Current is TokenChunk { Text.Length: > 0 } chunk)
                yield return chunk.Text;
            if (owned.Current is not GenerationFailed failed)
                continue;
            LogRefused(model, failed.Error.Kind, failed.Error.Message);
            throw new ReportBrokeOffException();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Task} was not answered: {Kind}. {Reason}")]
    private partial void LogRefused(ModelRef task, GridErrorKind kind, string reason);
}
