using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>A task grain that leaves its silo as soon as it is told to.</summary>
internal sealed class FakeTask : IResidentTask
{
    private readonly ResidentTasks _resident;

    public FakeTask(ResidentTasks resident, string key, int depth = 0)
    {
        _resident = resident;
        Key = key;
        Depth = depth;
        resident.Add(key, this);
    }

    public string Key { get; }

    public int Depth { get; set; }

    public bool Migrated { get; private set; }

    public bool Deactivated { get; private set; }

    public void Migrate()
    {
        Migrated = true;
        _resident.Remove(Key, this);
    }

    public void Deactivate()
    {
        Deactivated = true;
        _resident.Remove(Key, this);
    }
}
