using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests.Terminals;

public sealed class ProgressDisplayTests
{
    [Fact]
    public async Task Watch_StageLongerThanPatience_IsSaidOnceInAPlainLine()
    {
        var error = new LineChannel();
        var terminal = new Terminal { Out = TextWriter.Null, Error = error, Patience = TimeSpan.Zero };
        var progress = new ProgressSource();
        var work = new TaskCompletionSource();
        progress.Begin("Loading a model");

        Task watch = progress.WatchAsync(terminal, work.Task);
        Assert.Equal("Loading a model …", await error.ReadAsync());
        progress.Begin("Recovering");
        Assert.Equal("Recovering …", await error.ReadAsync());
        work.SetResult();
        await watch;

        Assert.False(error.HasLine);
    }

    [Fact]
    public async Task Watch_ShortStage_SaysNothing()
    {
        var error = new StringWriter();
        var progress = new ProgressSource();
        progress.Begin("Loading a model");

        await progress.WatchAsync(new Terminal { Out = TextWriter.Null, Error = error }, Task.CompletedTask);

        Assert.Empty(error.ToString());
    }

    [Fact]
    public async Task Watch_WorkThatFails_FailsAlike()
    {
        var terminal = new Terminal { Out = TextWriter.Null, Error = TextWriter.Null };

        await Assert.ThrowsAsync<CommandException>(() => new ProgressSource().WatchAsync(terminal, Task.FromException(new CommandException("no"))));
    }
}
