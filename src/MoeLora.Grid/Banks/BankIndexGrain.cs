namespace MoeLora.Grid.Banks;

/// <summary>What <see cref="BankIndexGrain"/> keeps.</summary>
[GenerateSerializer, Alias("moelora.bank-index")]
internal sealed class BankIndex
{
    [Id(0)]
    public string[] Banks { get; set; } = [];
}

/// <inheritdoc cref="IBankIndexGrain"/>
internal sealed class BankIndexGrain([PersistentState("banks", GateGrain.Storage)] IPersistentState<BankIndex> state) : Grain, IBankIndexGrain
{
    private string[] _banks = [];

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _banks = state.State.Banks;
        return Task.CompletedTask;
    }

    public async Task AddAsync(string bank)
    {
        if (_banks.Contains(bank, StringComparer.Ordinal))
            return;
        state.State = new BankIndex { Banks = [.. _banks.Append(bank).Order(StringComparer.Ordinal)] };
        try
        {
            await state.WriteStateAsync();
            _banks = state.State.Banks;
        }
        catch (Exception)
        {
            DeactivateOnIdle(); // the next one reads what the storage really holds
            throw;
        }
    }

    public Task<string[]> ListAsync() => Task.FromResult(_banks);
}
