using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Serving.Tests.Auditing;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Tenants;

/// <summary>Directories of tenants on databases of a test's own, and what tests ask of them.</summary>
public abstract class TenantDirectoryTest : IDisposable
{
    private protected static readonly Caller Admin = new(TenantId.Local, "root", Roles.Admin);
    private protected static readonly TenantId Clinic = TenantId.Parse("clinic");
    private protected static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly List<IDisposable> _owned = [];

    private protected TemporaryDirectory Folder { get; } = new();

    private protected ManualTime Time { get; } = new();

    private protected MemoryTrail Trail { get; } = new();

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static T Value<T>(GridResult<T> result)
        where T : class
    {
        Assert.True(result.TryGet(out T? value, out GridError? error), error?.Message);
        return value;
    }

    private protected static GridError Error<T>(GridResult<T> result)
        where T : class
    {
        Assert.False(result.TryGet(out _, out GridError? error));
        return error;
    }

    private protected static async Task<string> KeyAsync(TenantDirectory directory, TenantId tenant) =>
        Value(await directory.CreateKeyAsync(tenant, "k", Roles.Inference, null, Admin)).Secret;

    private protected StateDatabase Open(DatabaseKind kind) => new TestDatabase(kind, Folder.Path).Open();

    private protected async Task<TenantDirectory> DirectoryAsync(StateDatabase state)
    {
        var directory = new TenantDirectory(state, Trail, new TenantDirectoryOptions { Time = Time });
        _owned.Add(directory);
        await directory.MigrateAsync();
        return directory;
    }
}
