using MoeLora.Contracts;
using MoeLora.Grid.Tests.Costs;
using MoeLora.Grid.Tests.Storms;

namespace MoeLora.Grid.Tests;

/// <summary>The process that storms start and kill. The test runner does not come here.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case [SiloChild.Name, .. string[] rest]:
                await SiloChild.RunAsync(rest);
                return 0;
            case [NullChild.Name, .. string[] rest]:
                await NullChild.RunAsync(GridPhase.Ready, rest);
                return 0;
            case [NullChild.Asker, .. string[] rest]:
                await NullChild.RunAsync(GridPhase.Loading, rest);
                return 0;
            default:
                return 2;
        }
    }
}
