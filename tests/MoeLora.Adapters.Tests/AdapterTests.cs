using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;

namespace MoeLora.Adapters.Tests;

public sealed class AdapterTests
{
    [Theory]
    [InlineData("2")]
    [InlineData("MedDG")]
    public void RequireTask_NameOrId_GivesTheTask(string nameOrId)
    {
        Assert.Equal(2, Named().RequireTask(nameOrId).Id);
    }

    [Theory]
    [InlineData("meddg")]
    [InlineData("0")]
    [InlineData("4")]
    [InlineData("02")]
    [InlineData("")]
    public void RequireTask_Unknown_ListsTheKnown(string nameOrId)
    {
        Adapter adapter = Named();

        Assert.Null(adapter.FindTask(nameOrId));
        string message = Assert.Throws<AdapterException>(() => adapter.RequireTask(nameOrId)).Message;
        Assert.Contains($"'{nameOrId}'", message);
        Assert.Contains("CMeEE-V2 (1), MedDG (2), 3", message);
    }

    [Fact]
    public void GateRows_SharedGate_RepeatEachWeightTimesScaling()
    {
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read();
        GateWeights omega = Assert.Single(adapter.Weights(adapter.Tasks[1]));

        TaskGateRows rows = adapter.GateRows(adapter.Tasks[1]);

        Assert.Equal(1, rows.Slots);
        float[] expected = [.. new[] { omega[0], omega[0], omega[1], omega[1] }.Select(w => (float)(2.0 * w))]; // α/r = 8/4, r/N = 2
        Assert.Equal(expected, rows.Slot(0).ToArray());
    }

    [Fact]
    public void GateRows_GatePerModule_HaveOneSlotForEachModule()
    {
        Adapter adapter = new AdapterFixture(AdapterKind.GatePerModule).Read();

        TaskGateRows rows = adapter.GateRows(adapter.Tasks[0]);

        Assert.Equal(2, rows.Slots);
        for (int slot = 0; slot < 2; slot++)
            Assert.Equal((float)(2.0 * adapter.Gates[slot].Weights(1)[0]), rows.Slot(slot)[0]);
    }

    [Fact]
    public void Weights_TaskOfAnotherAdapter_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => Named().Weights(new AdapterTask(2, new TaskName("other"))));
    }

    [Fact]
    public void Weights_NoTask_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => Named().Weights());
    }

    [Fact]
    public void Constructor_NameThatIsAnotherTasksId_IsRefused()
    {
        Adapter source = Named();
        AdapterTask[] tasks = [new(1, new TaskName("2")), new(2, new TaskName("b")), new(3, new TaskName("c"))];

        var e = Assert.Throws<ArgumentException>(() => new Adapter(source.Kind, source.Bank, source.Gates, tasks, source.TargetModules));

        Assert.Contains("the id of another task", e.Message);
    }

    [Fact]
    public void Bank_RanksThatDiffer_AreRefused()
    {
        AdaptedModule[] modules = [Module(0, rank: 2), Module(1, rank: 4)];

        Assert.Throws<ArgumentException>(() => new ExpertBank(modules, 2, 8));
    }

    [Fact]
    public void Bank_ModuleTwice_IsRefused()
    {
        AdaptedModule[] modules = [Module(0, rank: 2), Module(0, rank: 2)];

        Assert.Throws<ArgumentException>(() => new ExpertBank(modules, 2, 8));
    }

    private static AdaptedModule Module(int index, int rank) =>
        new(new LinearModule(index, $"m{index}", 3, 4), rank, new float[rank * 4], new float[3 * rank]);

    private static Adapter Named()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.At("names.json"), """{"str2id": {"CMeEE-V2": 1, "MedDG": 2, "3": 3}}""");
        return new AdapterFixture(AdapterKind.SharedGate).Read(folder.At("names.json"));
    }
}
