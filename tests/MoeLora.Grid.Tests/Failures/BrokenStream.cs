using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Grid.Tests.Costs;
using MoeLora.Serving.Tests;

namespace MoeLora.Grid.Tests.Failures;

/// <summary>An answer of <see cref="NullNode"/>s that is read while the one that gives it is lost: how long its reader waits for the next token.</summary>
internal sealed class BrokenStream(IModelGrid grid)
{
    private const int BeforeAndAfter = 20;

    private IAsyncEnumerator<GenerationEvent>? _events;
    private int _tokens;
    private string _node = "";
    private long _last;

    /// <summary>Reads until some tokens have come.</summary>
    /// <returns>The node that gives them.</returns>
    public async Task<string> BeginAsync()
    {
        GenerationRequest request = Answers.Request($"{NullNode.Bank}/{NullNode.TaskName}", [NullNode.Tick, NullNode.Texts.Node], 100_000);
        _events = (await grid.StartAsync(request)).GetAsyncEnumerator();
        while (_tokens < BeforeAndAfter)
            _node = await NextAsync();
        return _node;
    }

    /// <summary>Reads on until another node goes on.</summary>
    /// <returns>The time between the last token of the node that began and the first one of the other.</returns>
    public async Task<TimeSpan> GoOnAsync()
    {
        TimeSpan waited;
        do
        {
            long last = _last;
            string node = await NextAsync();
            waited = Stopwatch.GetElapsedTime(last, _last);
            if (node != _node)
                break;
        }
        while (true);
        for (int i = 0; i < BeforeAndAfter; i++)
            await NextAsync();
        await _events!.DisposeAsync();
        return waited;
    }

    /// <summary>Reads the next token, which must follow the one before.</summary>
    private async Task<string> NextAsync()
    {
        while (await _events!.MoveNextAsync())
        {
            if (_events.Current is not TokenChunk { TokenIds: [int token] } chunk)
            {
                Assert.IsType<GenerationStarted>(_events.Current);
                continue;
            }

            Assert.Equal(++_tokens, token);
            _last = Stopwatch.GetTimestamp();
            return chunk.Text;
        }

        throw new InvalidOperationException("The answer ended early.");
    }
}
