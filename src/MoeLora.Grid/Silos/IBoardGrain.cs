using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>What the silo that is asked knows of all: for clients outside the cluster. Its key is 0.</summary>
[Alias("moelora.IBoardGrain")]
public interface IBoardGrain : IGrainWithIntegerKey
{
    /// <summary>The last report of every silo.</summary>
    [Alias("Reports")]
    Task<SiloReport[]> ReportsAsync();
}
