using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>What the silo that is asked knows of all: for clients outside the cluster. Any key will do: another one may be asked through another silo.</summary>
[Alias("moelora.IBoardGrain")]
public interface IBoardGrain : IGrainWithIntegerKey
{
    /// <summary>The last report of every silo.</summary>
    /// <param name="known">Bundles whose tasks the caller has: reports leave them out.</param>
    [Alias("Reports")]
    Task<SiloReport[]> ReportsAsync(string[] known);

    /// <summary>The silos that have not left, whether they have reported or not.</summary>
    [Alias("Members")]
    Task<string[]> MembersAsync();
}
