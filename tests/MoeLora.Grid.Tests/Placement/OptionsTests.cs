using Microsoft.Extensions.Options;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Placement;

public sealed class OptionsTests
{
    [Fact]
    public void FindProblems_Defaults_None()
    {
        Assert.Empty(new PlacementOptions().FindProblems());
        Assert.Empty(new AnnouncementOptions().FindProblems());
        Assert.Empty(new ReplicaOptions().FindProblems());
    }

    [Fact]
    public void FindProblems_EverythingWrong_NamesAll()
    {
        Assert.Equal(3, new PlacementOptions { TaskBytes = -1, ReserveBytes = -1, SilentAfter = TimeSpan.Zero }.FindProblems().Count);
        Assert.Equal(2, new AnnouncementOptions { Period = TimeSpan.Zero, DrainDeadline = TimeSpan.FromHours(1) }.FindProblems().Count);
        Assert.Equal(4, new ReplicaOptions { GrowAt = 0, Most = 0, Settle = TimeSpan.FromHours(1), Quiet = TimeSpan.Zero }.FindProblems().Count);
    }

    [Fact]
    public void Validators_ProblemsFound_RefuseToStart()
    {
        Assert.Throws<OrleansConfigurationException>(() => new PlacementOptionsValidator(Options.Create(new PlacementOptions { TaskBytes = -1 })).ValidateConfiguration());
        Assert.Throws<OrleansConfigurationException>(() => new ReplicaOptionsValidator(Options.Create(new ReplicaOptions { GrowAt = 0 })).ValidateConfiguration());
        Assert.Throws<OrleansConfigurationException>(() => new AnnouncementOptionsValidator(Options.Create(new AnnouncementOptions { Period = TimeSpan.Zero })).ValidateConfiguration());
    }
}
