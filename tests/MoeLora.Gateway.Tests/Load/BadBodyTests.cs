using System.Diagnostics;
using System.Text;
using MoeLora.Gateway.Chat;
using MoeLora.Gateway.Completions;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Tests.Load;

/// <summary>Bodies in which everything is wrong: they must not cost more than good ones.</summary>
[Collection(AloneCollection.Name)]
public sealed class BadBodyTests
{
    [Theory]
    [InlineData(100_000, "{}")]
    [InlineData(ChatMessages.Most, "{}")]
    [InlineData(ChatMessages.Most, """{"role":"robot","content":[{}]}""")]
    [InlineData(ChatMessages.Most, """{"role":5,"content":7,"a":1,"b":2,"c":3}""")]
    public void BadMessages_CostNotMuchMoreThanGoodOnes(int count, string message)
    {
        byte[] bad = Chat(Enumerable.Repeat(message, count));
        string text = new('a', Math.Max(1, (bad.Length / ChatMessages.Most) - """{"role":"user","content":""},""".Length));
        byte[] good = Chat(Enumerable.Repeat($$"""{"role":"user","content":"{{text}}"}""", ChatMessages.Most));
        Assert.False(ChatReader.TryRead(bad, out _, out ApiError? _));
        Assert.True(ChatReader.TryRead(good, out _, out ApiError? _));

        // In turns, and the fastest of each: what else runs on the machine delays both. Ten times is far above the noise of
        // milliseconds, and far below what a search among all problems for each message costs (hundreds of times).
        double badTime = double.MaxValue, goodTime = double.MaxValue;
        for (int turn = 0; turn < 5; turn++)
        {
            badTime = Math.Min(badTime, Time(bad));
            goodTime = Math.Min(goodTime, Time(good));
        }

        Assert.True(badTime < 10 * goodTime, $"{badTime:F1} ms for the bad body, {goodTime:F1} for the good one.");
    }

    [Fact]
    public void Problems_BeyondThoseThatAreTold_AreOnlySaidToBeThere()
    {
        byte[] chat = Chat(Enumerable.Repeat("{}", 1000));
        byte[] completion = Encoding.UTF8.GetBytes($$"""{"model":"3","prompt":"p",{{string.Join(',', Enumerable.Range(0, 10_000).Select(i => $"\"x{i}\":1"))}}}""");

        Assert.False(ChatReader.TryRead(chat, out _, out ApiError? ofChat));
        Assert.False(CompletionReader.TryRead(completion, out _, out ApiError? ofCompletion));

        foreach (ApiError error in (ApiError[])[ofChat, ofCompletion])
        {
            Assert.Equal(ParameterReader.MostProblems, error.Message.Split("' is ").Length - 1);
            Assert.EndsWith(" There are more problems than these.", error.Message);
        }
    }

    [Fact]
    public void Messages_OfMoreThanAreTaken_AreRefusedByTheirNumber()
    {
        byte[] messages = Chat(Enumerable.Repeat("""{"role":"user","content":"q"}""", ChatMessages.Most + 1));
        byte[] parts = Chat([$$"""{"role":"user","content":[{{string.Join(',', Enumerable.Repeat("""{"type":"text","text":"q"}""", ChatMessages.Most + 1))}}]}"""]);

        Assert.False(ChatReader.TryRead(messages, out _, out ApiError? ofMessages));
        Assert.False(ChatReader.TryRead(parts, out _, out ApiError? ofParts));

        Assert.Equal(("messages", "'messages' holds 4097 messages, and 4096 are taken at most."), (ofMessages.Param, ofMessages.Message));
        Assert.Equal(("messages[0].content", "'messages[0].content' holds 4097 parts, and 4096 are taken at most."), (ofParts.Param, ofParts.Message));
    }

    private static byte[] Chat(IEnumerable<string> messages) => Encoding.UTF8.GetBytes($$"""{"model":"3","messages":[{{string.Join(',', messages)}}]}""");

    private static double Time(byte[] body)
    {
        long start = Stopwatch.GetTimestamp();
        ChatReader.TryRead(body, out _, out _);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
