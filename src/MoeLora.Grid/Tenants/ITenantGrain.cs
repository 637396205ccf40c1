namespace MoeLora.Grid.Tenants;

/// <summary>A tenant's limits for the whole cluster; its key is the tenant's name.</summary>
[Alias("moelora.ITenantGrain")]
public interface ITenantGrain : IGrainWithStringKey
{
    /// <summary>Gives a request room, or says why there is none.</summary>
    [Alias("Acquire")]
    Task<TenantReply> AcquireAsync(TenantDemandMessage demand);

    /// <summary>Takes room back. What is not known, because it ended already, changes nothing.</summary>
    [Alias("End")]
    Task EndAsync(LeaseEndMessage[] ends);

    /// <summary>What is left; null without limits, and where nothing was asked lately.</summary>
    [Alias("Budget")]
    Task<BudgetMessage?> BudgetAsync();
}
