using MoeLora.Grid.Tests.Storms;

namespace MoeLora.Grid.Tests;

/// <summary>The process that storms start and kill. The test runner does not come here.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [SiloChild.Name, .. string[] rest])
            return 2;
        await SiloChild.RunAsync(rest);
        return 0;
    }
}
