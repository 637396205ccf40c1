using System.Diagnostics;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Waits for what other threads bring about.</summary>
internal static class Until
{
    /// <summary>The limit only ends a test that has failed anyway: it is far above what a busy machine needs.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    public static async Task TrueAsync(Func<Task<bool>> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Limit, $"Not within {Limit}: {what}");
            await Task.Delay(5);
        }
    }

    public static async Task TrueAsync(Func<bool> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < Limit, $"Not within {Limit}: {what}");
            await Task.Delay(5);
        }
    }
}
