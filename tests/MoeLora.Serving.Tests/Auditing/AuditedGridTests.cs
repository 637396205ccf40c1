using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;

namespace MoeLora.Serving.Tests.Auditing;

public sealed class AuditedGridTests : IDisposable
{
    private static readonly Provenance Made = new()
    {
        BaseModelHash = "sha256:base",
        AdapterHash = "sha256:bundle",
        Bank = "med",
        Version = "2.0.0",
        Task = "entities",
        TaskId = 3,
        Mode = ServingMode.Shared,
        Device = "cpu",
        Seed = 1,
        WeightsFormat = "f32",
    };

    private static readonly GenerationFinished Finished = new([FinishReason.Stop], new TokenUsage(7, 3), default, Made);

    private readonly TrailFolder _folder = new();
    private readonly MemoryTrail _trail = new();
    private readonly ScriptedGrid _grid = new();
    private readonly AuditKey _key;

    public AuditedGridTests() => _key = AuditKey.LoadOrCreate(Path.Combine(_folder.Path, "key"));

    private GenerationRequest Request => new()
    {
        Tenant = TenantId.Parse("clinic"),
        Subject = "k1",
        RequestId = "req-1",
        Model = ModelRef.Parse("entities"),
        Prompt = new TextPrompt("secret"),
    };

    [Fact]
    public async Task Generate_Answered_IsOneRecordWithWhatMadeIt()
    {
        _grid.Events = [new TokenChunk("ab", [1]), new TokenChunk("c", [2]), Finished];
        Assert.IsType<GenerationFinished>((await AnswerAsync())[^1]);

        AuditEntry entry = Assert.Single(_trail.Entries);
        Assert.Equal(
            new AuditEntry
            {
                Action = AuditAction.Generate,
                Succeeded = true,
                Detail = "answered",
                Tenant = TenantId.Parse("clinic"),
                Subject = "k1",
                RequestId = "req-1",
                Bank = "med",
                TaskName = "entities",
                Version = "2.0.0",
                BundleHash = "sha256:bundle",
                BaseModelHash = "sha256:base",
                PromptTokens = 7,
                CompletionTokens = 3,
                PromptHash = AuditHasher.Hash(_key, new TextPrompt("secret")),
                AnswerHash = AuditHasher.Hash(_key, new TextPrompt("abc")),
            },
            entry);
        Assert.DoesNotContain("secret", entry.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_IdsOnly_HashesTheIds()
    {
        _grid.Events = [new TokenChunk("", [1, 2]), new TokenChunk("", [3]), Finished];
        await AnswerAsync();
        Assert.Equal(AuditHasher.Hash(_key, new TokenPrompt([1, 2, 3])), _trail.Entries[0].AnswerHash);
    }

    [Fact]
    public async Task Generate_SeveralAnswersMixed_HashesEach()
    {
        _grid.Events = [new TokenChunk("a", [1]), new TokenChunk("x", [1], 1), new TokenChunk("b", [1]), Finished];
        await AnswerAsync(Request with { Answers = 2 });
        string both = AuditHasher.Hash(_key, new TextPrompt("ab")) + AuditHasher.Hash(_key, new TextPrompt("x"));
        Assert.Equal(AuditHasher.Hash(_key, new TextPrompt(both)), _trail.Entries[0].AnswerHash);
    }

    [Fact]
    public async Task Generate_BegunOnAnotherNode_IsRecordedWholeAndWithWhatCameFromThere()
    {
        _grid.Events = [new GenerationStarted(Made, 7) { Begun = ["ab", ""] }, new TokenChunk("x", [8], 1), new TokenChunk("c", [3]), Finished];
        await AnswerAsync(Request with { Answers = 2, Seed = 1, Begun = [[1, 2], []] });

        AuditEntry end = End();
        string both = AuditHasher.Hash(_key, new TextPrompt("abc")) + AuditHasher.Hash(_key, new TextPrompt("x"));
        Assert.Equal((2, "req-1", AuditHasher.Hash(_key, new TextPrompt(both))), (end.BegunTokens, end.RequestId, end.AnswerHash));
        Assert.Equal(2, Assert.Single(_trail.Entries, entry => entry.IsBegun).BegunTokens);
    }

    [Fact]
    public async Task Generate_BegunOnAnotherNodeBreaksOffAgain_IsRecordedWithAllThatWasGiven()
    {
        _grid.Events = [new GenerationStarted(Made, 7) { Begun = ["ab"] }, new TokenChunk("c", [3]), new GenerationFailed(new GridError(GridErrorKind.Stopping, "Stopping."))];
        await AnswerAsync(Request with { Seed = 1, Begun = [[1, 2]] });

        Assert.Equal(2, End().BegunTokens);
        AssertMade(End() with { BegunTokens = null }, "stopping", 3, "abc");
    }

    [Fact]
    public async Task Generate_Refused_IsOneRecordWithoutTheCallersText()
    {
        _grid.Refusal = new GridError(GridErrorKind.QueueFull, "Full.");
        Assert.False((await Grid().GenerateAsync(Request)).TryGet(out _, out GridError? error));
        Assert.Equal(_grid.Refusal, error);
        AuditEntry entry = Assert.Single(_trail.Entries);
        Assert.Equal((false, "queue_full", "entities", null), (entry.Succeeded, entry.Detail, entry.TaskName, entry.AnswerHash));
    }

    [Fact]
    public async Task Generate_UnknownModel_DoesNotRecordItsName()
    {
        _grid.Refusal = new GridError(GridErrorKind.ModelNotFound, "No.");
        await Grid().GenerateAsync(Request with { Model = ModelRef.Parse("the patient's name") });
        Assert.DoesNotContain("patient", Assert.Single(_trail.Entries).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_BreaksOff_IsRecordedWithWhatWasGiven()
    {
        _grid.Events = [new TokenChunk("ab", [1, 2]), new GenerationFailed(new GridError(GridErrorKind.Stopping, "Stopping."))];
        await AnswerAsync();
        AuditEntry entry = Assert.Single(_trail.Entries);
        Assert.Equal((false, "stopping", 2, AuditHasher.Hash(_key, new TextPrompt("ab"))), (entry.Succeeded, entry.Detail, entry.CompletionTokens, entry.AnswerHash));
    }

    [Fact]
    public async Task Generate_Begins_IsOnRecordBeforeItsFirstTokenIsGiven()
    {
        _grid.Events = [new GenerationStarted(Made, 7), new TokenChunk("ab", [1]), Finished];
        (await Grid().GenerateAsync(Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _);
        AuditEntry? begun = null;
        await foreach (GenerationEvent step in events!)
            begun ??= step is TokenChunk ? Assert.Single(_trail.Entries) : null;

        Assert.True(begun!.IsBegun);
        Assert.Equal((true, TenantId.Parse("clinic"), "k1", "req-1", "entities", "2.0.0"), (begun.Succeeded, begun.Tenant, begun.Subject, begun.RequestId, begun.TaskName, begun.Version));
        Assert.Equal(("sha256:bundle", AuditHasher.Hash(_key, new TextPrompt("secret")), null), (begun.BundleHash, begun.PromptHash, begun.AnswerHash));
        Assert.Equal(("answered", begun.Target), (End().Detail, End().Target));
    }

    [Fact]
    public async Task Generate_BeginCannotBeRecorded_GivesNoToken()
    {
        _grid.Events = [new GenerationStarted(Made, 7), new TokenChunk("ab", [1]), Finished];
        _trail.Fails = true;
        Assert.Equal(GridErrorKind.Unavailable, Assert.IsType<GenerationFailed>(Assert.Single(await AnswerAsync())).Error.Kind);
    }

    [Fact]
    public async Task Generate_BreaksOffAfterItsStart_IsRecordedWithWhatMadeIt()
    {
        _grid.Events = [new GenerationStarted(Made, 7), new TokenChunk("ab", [1, 2]), new GenerationFailed(new GridError(GridErrorKind.Internal, "NaN."))];
        await AnswerAsync();
        AssertMade(End(), "internal", 2, "ab");
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "ab")]
    public async Task Generate_CallerLeavesAfterItsStart_IsRecordedWithWhatMadeIt(int chunks, string given)
    {
        _grid.Events = [new GenerationStarted(Made, 7), new TokenChunk("ab", [1]), new TokenChunk("c", [2]), Finished];
        (await Grid().GenerateAsync(Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _);
        await foreach (GenerationEvent step in events!)
        {
            if (chunks-- == 0)
                break;
        }

        AssertMade(End(), "cancelled", given.Length / 2, given);
    }

    [Fact]
    public async Task Generate_GridThrows_IsRecordedAsItsFailureAndThrown()
    {
        _grid.Events = [new GenerationStarted(Made, 7), new TokenChunk("ab", [1])];
        _grid.Fault = new InvalidOperationException("A bug.");
        await Assert.ThrowsAsync<InvalidOperationException>(() => AnswerAsync());
        AssertMade(End(), "internal", 1, "ab");
    }

    [Fact]
    public async Task Generate_CallerLeaves_IsRecordedOnce()
    {
        _grid.Events = [new TokenChunk("ab", [1]), new TokenChunk("c", [2]), Finished];
        (await Grid().GenerateAsync(Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _);
        await foreach (GenerationEvent step in events!)
        {
            Assert.IsType<TokenChunk>(step);
            break;
        }

        Assert.Equal(("cancelled", AuditHasher.Hash(_key, new TextPrompt("ab"))), (Assert.Single(_trail.Entries).Detail, _trail.Entries[0].AnswerHash));
    }

    [Fact]
    public async Task Generate_TrailUnavailable_IsRefusedBeforeItStarts()
    {
        _trail.Problem = "The audit trail cannot be written: its disk is full or fails.";
        Assert.False((await Grid().GenerateAsync(Request)).TryGet(out _, out GridError? error));
        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.Equal(0, _grid.Calls);
    }

    [Fact]
    public async Task Generate_TrailFailsMeanwhile_AnswerIsNotCalledComplete()
    {
        _grid.Events = [new TokenChunk("ab", [1]), Finished];
        _trail.Fails = true;
        GenerationFailed failed = Assert.IsType<GenerationFailed>((await AnswerAsync())[^1]);
        Assert.Equal(GridErrorKind.Unavailable, failed.Error.Kind);
    }

    [Fact]
    public async Task Generate_AuditNotRequired_AnswersWithoutTrail()
    {
        _grid.Events = [new TokenChunk("ab", [1]), Finished];
        _trail.Problem = "Full.";
        _trail.Fails = true;
        (await Grid(requireAudit: false).GenerateAsync(Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _);
        Assert.IsType<GenerationFinished>((await events!.ToListAsync())[^1]);
    }

    public void Dispose() => _folder.Dispose();

    private void AssertMade(AuditEntry entry, string why, int tokens, string text) => Assert.Equal(
        new AuditEntry
        {
            Action = AuditAction.Generate,
            Succeeded = false,
            Detail = why,
            Tenant = TenantId.Parse("clinic"),
            Subject = "k1",
            RequestId = "req-1",
            Bank = "med",
            TaskName = "entities",
            Version = "2.0.0",
            BundleHash = "sha256:bundle",
            BaseModelHash = "sha256:base",
            PromptTokens = 7,
            CompletionTokens = tokens,
            PromptHash = AuditHasher.Hash(_key, new TextPrompt("secret")),
            AnswerHash = text.Length > 0 ? AuditHasher.Hash(_key, new TextPrompt(text)) : AuditHasher.Hash(_key, new TokenPrompt([])),
            Target = Assert.Single(_trail.Entries, each => each.IsBegun).Target,
        },
        entry);

    private AuditEntry End() => Assert.Single(_trail.Entries, entry => !entry.IsBegun);

    private AuditedGrid Grid(bool requireAudit = true) => new(_grid, _trail, _key, requireAudit);

    private async Task<List<GenerationEvent>> AnswerAsync(GenerationRequest? request = null)
    {
        Assert.True((await Grid().GenerateAsync(request ?? Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _));
        return await events.ToListAsync();
    }

    /// <summary>Answers what it is told to, and knows one task.</summary>
    private sealed class ScriptedGrid : IModelGrid
    {
        public IReadOnlyList<GenerationEvent> Events { get; set; } = [];

        public GridError? Refusal { get; set; }

        public Exception? Fault { get; set; }

        public int Calls { get; private set; }

        public GridStatus Status => new(GridPhase.Ready, "");

        public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

        public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) => ValueTask.FromResult(
            model.Text == "entities"
                ? GridResult<ModelDescription>.Success(new ModelDescription("entities", 3, "base", ServingMode.Shared, 100, DateTimeOffset.UnixEpoch) { Bank = "med" })
                : new GridError(GridErrorKind.ModelNotFound, "No."));

        public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
        {
            Calls++;
            return ValueTask.FromResult(Refusal is { } refusal ? refusal : GridResult<IAsyncEnumerable<GenerationEvent>>.Success(PlayAsync(cancellation)));
        }

        private async IAsyncEnumerable<GenerationEvent> PlayAsync([EnumeratorCancellation] CancellationToken cancellation)
        {
            foreach (GenerationEvent step in Events)
            {
                cancellation.ThrowIfCancellationRequested();
                await Task.Yield();
                yield return step;
            }

            if (Fault is not null)
                throw Fault;
        }
    }
}
