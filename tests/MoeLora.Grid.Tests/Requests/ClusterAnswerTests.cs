using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tests.Silos;
using static MoeLora.Grid.Tests.Requests.ScriptedTask;

namespace MoeLora.Grid.Tests.Requests;

/// <summary>What a caller gets of one request while silos come and go; without a cluster.</summary>
public sealed class ClusterAnswerTests
{
    private static readonly GenerationRequest Request = new()
    {
        Tenant = TenantId.Parse("ward"),
        Model = ModelRef.Parse("clinic/triage"),
        Prompt = new TokenPrompt([1]),
        MaxTokens = 100,
        ReturnTokenIds = true,
        Temperature = 1,
    };

    private readonly SiloBoard _board = new();

    [Fact]
    public async Task Silo_LostAfterSomeTokens_IsFollowedByTheRestOfTheSameVersionAndSeed()
    {
        var task = new ScriptedTask(Says(Tokens(1, 2), Dies), Says([.. Tokens(3), Finished]));

        Assert.Equal(["started", "1", "2", "3", "finished"], await ReadAsync(task));

        RequestMessage[] asked = [.. task.Asked];
        Assert.Equal(("clinic/triage", (long?)null, 0), (asked[0].Model, asked[0].Seed, asked[0].Begun.Length));
        Assert.Equal(("clinic/triage@7", 5L), (asked[1].Model, asked[1].Seed));
        Assert.Equal([1, 2], Assert.Single(asked[1].Begun));
    }

    [Fact]
    public async Task Silo_LostBeforeTheFirstToken_IsFollowedAsAnAnswerThatWasAdmitted()
    {
        var task = new ScriptedTask(Says(Tokens(), Dies), Says([.. Tokens(1), Finished]));

        Assert.Equal(["started", "1", "finished"], await ReadAsync(task));

        RequestMessage rest = task.Asked.Last();
        Assert.Equal("clinic/triage@7", rest.Model);
        Assert.Empty(Assert.Single(rest.Begun));
    }

    [Theory]
    [InlineData(GridErrorKind.RateLimited)]
    [InlineData(GridErrorKind.QueueFull)]
    [InlineData(GridErrorKind.ModelNotFound)]
    [InlineData(GridErrorKind.InvalidRequest)]
    public async Task Refusal_OfAnAnswerThatHasBegun_IsTriedElsewhere(GridErrorKind kind)
    {
        var task = new ScriptedTask(Says(Tokens(1), Dies), Says([Refused(kind)]), Says([Refused(kind)]), Says([.. Tokens(2), Finished]));

        Assert.Equal(["started", "1", "2", "finished"], await ReadAsync(task));
    }

    [Theory]
    [InlineData(GridErrorKind.RateLimited, 1)]
    [InlineData(GridErrorKind.QueueFull, 1)]
    [InlineData(GridErrorKind.ModelNotFound, 1)]
    [InlineData(GridErrorKind.Forbidden, 1)]
    [InlineData(GridErrorKind.NotReady, 2)]
    [InlineData(GridErrorKind.Unavailable, 2)]
    [InlineData(GridErrorKind.Stopping, 2)]
    public async Task Refusal_OfANewRequest_IsTheCallersUnlessItMayPass(GridErrorKind kind, int asked)
    {
        var task = new ScriptedTask(Says([Refused(kind)]), Says([Finished]));
        await using ClusterAnswer answer = Answer(task);

        Assert.Equal(asked == 1 ? kind : null, (await answer.StartAsync())?.Kind);
        Assert.Equal(asked, task.Asked.Count);
    }

    [Theory]
    [InlineData(GridErrorKind.Unavailable)]
    [InlineData(GridErrorKind.Stopping)]
    public async Task Failure_ThatIsTheSilosOwn_GoesOnElsewhere(GridErrorKind kind)
    {
        // Once instead of an answer's beginning, and once within it.
        var task = new ScriptedTask(Says([Failed(kind)]), Says([.. Tokens(1), Failed(kind)]), Says([.. Tokens(2), Finished]));

        Assert.Equal(["started", "1", "2", "finished"], await ReadAsync(task));
    }

    [Fact]
    public async Task Version_ThatWasWithdrawn_EndsItsAnswers()
    {
        var ended = new ScriptedTask(Says([.. Tokens(1), Failed(GridErrorKind.Withdrawn)]), Says([.. Tokens(2), Finished]));
        Assert.Equal(["started", "1", "failed: Withdrawn"], await ReadAsync(ended));

        var lost = new ScriptedTask(Says(Tokens(1), Dies), Says([Refused(GridErrorKind.Withdrawn)]), Says([.. Tokens(2), Finished]));
        Assert.Equal(["started", "1", "failed: Withdrawn"], await ReadAsync(lost));
    }

    [Fact]
    public async Task Request_WithWhichSilosAreLostOneAfterAnother_IsGivenToNoMore()
    {
        var task = new ScriptedTask(Says(Tokens(), Dies));

        Assert.Equal(["started", "failed: Unavailable"], await ReadAsync(task));

        Assert.Equal(ClusterAnswer.MostLosses + 1, task.Asked.Count);
    }

    [Fact]
    public async Task Request_ThatGetsOnBetweenLosses_GoesOn()
    {
        Func<RequestMessage, CancellationToken, IAsyncEnumerable<AnswerPart>> dying = (request, _) =>
            Says(request.Begun.Sum(tokens => tokens.Length) < 10 ? Tokens(9) : [.. Tokens(), Finished], request.Begun.Sum(tokens => tokens.Length) < 10 ? Dies : null)(request, default);

        string[] told = await ReadAsync(new ScriptedTask(dying));

        Assert.Equal(["started", .. Enumerable.Repeat("9", 10), "finished"], told);
    }

    [Fact]
    public async Task Silo_WithOtherWeights_DoesNotGoOn()
    {
        var task = new ScriptedTask(
            Says(Tokens(1), Dies),
            Says([Started(Made with { WeightsFormat = "q8" }), new AnswerPart { Token = 66 }, Finished]),
            Says([Started(Made with { AdapterHash = "other" }), new AnswerPart { Token = 66 }, Finished]),
            Says([.. Tokens(2), Finished]));

        Assert.Equal(["started", "1", "2", "finished"], await ReadAsync(task));
    }

    [Fact]
    public async Task Silo_ThatLeavesWhileNothingComes_IsNotWaitedFor()
    {
        _board.Receive(Reported.Silo("silo"));
        var sent = new TaskCompletionSource();
        var task = new ScriptedTask(
            Says(Tokens(1), cancellation =>
            {
                sent.SetResult();
                return Hangs(cancellation);
            }),
            Says([.. Tokens(2), Finished]));

        Task<string[]> reading = ReadAsync(task);
        await sent.Task;
        _board.Remove("silo");

        Assert.Equal(["started", "1", "2", "finished"], await reading.WaitAsync(TimeSpan.FromMinutes(5)));
    }

    [Fact]
    public async Task Reader_ThatPauses_KeepsNoSiloWaiting()
    {
        var whole = new TaskCompletionSource();
        var task = new ScriptedTask(Says([.. Tokens([.. Enumerable.Range(0, 50)]), Finished], _ =>
        {
            whole.SetResult();
            return Task.CompletedTask;
        }));
        await using ClusterAnswer answer = Answer(task);
        Assert.Null(await answer.StartAsync());

        await using IAsyncEnumerator<GenerationEvent> events = answer.Read().GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());

        await Until.TrueAsync(() => task.Open == 0); // all was taken while the reader does nothing
        int read = 1;
        while (await events.MoveNextAsync())
            read++;
        Assert.Equal(52, read);
    }

    [Fact]
    public async Task Reader_ThatLeaves_EndsTheCall()
    {
        var ended = new TaskCompletionSource();
        var task = new ScriptedTask(Says(Tokens(1), async cancellation =>
        {
            await using CancellationTokenRegistration end = cancellation.Register(ended.SetResult);
            await Task.Delay(Timeout.Infinite, cancellation);
        }));
        await using ClusterAnswer answer = Answer(task);
        Assert.Null(await answer.StartAsync());

        await foreach (GenerationEvent item in answer.Read())
        {
            if (item is TokenChunk)
                break;
        }

        await ended.Task.WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(0, task.Open);
    }

    [Fact]
    public async Task Caller_WhoCancels_IsTold()
    {
        using var caller = new CancellationTokenSource();
        var task = new ScriptedTask(Says(Tokens(1), cancellation => Task.Delay(Timeout.Infinite, cancellation)));
        await using ClusterAnswer answer = Answer(task, caller.Token);
        Assert.Null(await answer.StartAsync());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationEvent item in answer.Read())
            {
                if (item is TokenChunk)
                    await caller.CancelAsync();
            }
        });
        Assert.Equal(0, task.Open);
    }

    private ClusterAnswer Answer(ScriptedTask task, CancellationToken caller = default) => new(
        task.Grain, _board, task, new ClusterRequestOptions { FirstWait = TimeSpan.FromMilliseconds(1) }, TimeProvider.System, NullLogger.Instance, Request, new NamedTask("clinic", "triage", null), caller);

    private async Task<string[]> ReadAsync(ScriptedTask task)
    {
        await using ClusterAnswer answer = Answer(task);
        Assert.Null(await answer.StartAsync());
        var told = new List<string>();
        await foreach (GenerationEvent item in answer.Read())
        {
            told.Add(item switch
            {
                GenerationStarted => "started",
                TokenChunk chunk => $"{Assert.Single(chunk.TokenIds)}",
                GenerationFinished => "finished",
                GenerationFailed failed => $"failed: {failed.Error.Kind}",
                _ => throw new NotSupportedException(),
            });
        }

        Assert.Equal(0, task.Open);
        return [.. told];
    }
}
