namespace MoeLora.Grid.Banks;

/// <summary>The names of all banks of the cluster, those too that no silo has loaded yet. Its key is 0. A bank is here before its gate keeps anything.</summary>
[Alias("moelora.IBankIndexGrain")]
public interface IBankIndexGrain : IGrainWithIntegerKey
{
    /// <summary>Adds a bank; one that is there already changes nothing.</summary>
    [Alias("Add")]
    Task AddAsync(string bank);

    /// <summary>All, by name.</summary>
    [Alias("List")]
    Task<string[]> ListAsync();
}
