using MoeLora.Serving.Tests.Rollouts;

namespace MoeLora.Serving.Tests;

/// <summary>The process that crash tests start and kill. The test runner does not come here.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [CrashChild.Name, string directory, string seed])
            return 2;
        await CrashChild.RunAsync(directory, int.Parse(seed, System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    }
}
