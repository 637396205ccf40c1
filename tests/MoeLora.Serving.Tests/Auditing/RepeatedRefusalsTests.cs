using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;

namespace MoeLora.Serving.Tests.Auditing;

public sealed class RepeatedRefusalsTests
{
    private static readonly AuditEntry Denial = new() { Action = AuditAction.Access, Succeeded = false, Detail = "invalid_key" };
    private readonly MemoryTrail _trail = new();

    [Fact]
    public async Task Append_LikeDenials_BecomeTwoRecords()
    {
        await using (var refusals = new RepeatedRefusals(_trail, TimeProvider.System))
        {
            for (int i = 0; i < 1000; i++)
                await refusals.AppendAsync(Denial);
            Assert.Equal(Denial, Assert.Single(_trail.Entries));
        }

        Assert.Equal([1, 999], _trail.Entries.Select(entry => entry.Count));
        Assert.Equal(Denial with { Count = 999 }, _trail.Entries[1]);
    }

    [Fact]
    public async Task Append_OtherSubjectTenantOrDetail_IsARecordOfItsOwn()
    {
        await using var refusals = new RepeatedRefusals(_trail, TimeProvider.System);
        AuditEntry[] entries =
        [
            Denial, Denial with { Subject = "k1" }, Denial with { Subject = "k1", Tenant = TenantId.Local }, Denial with { Detail = "no_role" },
            Denial with { Action = AuditAction.Generate },
        ];
        foreach (AuditEntry entry in entries)
            await refusals.AppendAsync(entry);
        Assert.Equal(entries, _trail.Entries);
    }

    [Fact]
    public async Task Append_AnswersAndChanges_PassOneByOne()
    {
        await using var refusals = new RepeatedRefusals(_trail, TimeProvider.System);
        AuditEntry brokeOff = new() { Action = AuditAction.Generate, Succeeded = false, Detail = "cancelled", AnswerHash = new string('0', 64) };
        AuditEntry answered = brokeOff with { Succeeded = true, Detail = "answered" };
        AuditEntry change = new() { Action = AuditAction.Tenancy, Succeeded = false, Detail = "put_tenant" };
        foreach (AuditEntry entry in (AuditEntry[])[brokeOff, brokeOff, answered, answered, change, change])
            await refusals.AppendAsync(entry);
        Assert.Equal([brokeOff, brokeOff, answered, answered, change, change], _trail.Entries);
    }

    [Fact]
    public async Task Append_EndlessSubjects_IsBoundedAndCountsEach()
    {
        await using (var refusals = new RepeatedRefusals(_trail, TimeProvider.System))
        {
            for (int i = 0; i < 10_000; i++)
                await refusals.AppendAsync(Denial with { Subject = "s" + i });
        }

        Assert.InRange(_trail.Entries.Count, 1, (2 * RepeatedRefusals.MostKinds) + 2);
        Assert.Equal(10_000, _trail.Entries.Sum(entry => entry.Count));
    }

    [Fact]
    public async Task Append_TrailUnavailable_IsCountedUntilItIsBack()
    {
        var refusals = new RepeatedRefusals(_trail, TimeProvider.System);
        _trail.Fails = true;
        for (int i = 0; i < 5; i++)
            await refusals.AppendAsync(Denial);
        _trail.Fails = false;
        await refusals.DisposeAsync();
        Assert.Equal(Denial with { Count = 5 }, Assert.Single(_trail.Entries));
    }
}
