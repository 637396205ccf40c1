namespace MoeLora.Grid.Tasks;

/// <summary>A task grain as its silo sees it. Safe from any thread.</summary>
internal interface IResidentTask
{
    /// <summary><c>bank/task/replica</c>.</summary>
    string Key { get; }

    /// <summary>Requests that run or wait in it.</summary>
    int Depth { get; }

    /// <summary>Lets placement find another silo for it; what it answers now would break off there, so only for one that is idle.</summary>
    void Migrate();

    /// <summary>Ends it; the next call makes a new one wherever there is room then.</summary>
    void Deactivate();
}
