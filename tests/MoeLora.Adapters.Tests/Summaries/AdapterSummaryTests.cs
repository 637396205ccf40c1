using MoeLora.Adapters.Summaries;
using MoeLora.Adapters.Tests.Packs;

namespace MoeLora.Adapters.Tests.Summaries;

public sealed class AdapterSummaryTests
{
    [Theory]
    [InlineData(AdapterKind.SharedGate)]
    [InlineData(AdapterKind.GatePerModule)]
    [InlineData(AdapterKind.Lora)]
    public void DeltaNorms_EveryTask_EqualTheNormOfTheFormedDelta(AdapterKind kind)
    {
        Adapter adapter = new AdapterFixture(kind).Read();

        AdapterSummary summary = AdapterSummary.Create(adapter);

        for (int task = 0; task < adapter.Tasks.Count; task++)
        {
            double square = 0;
            for (int module = 0; module < adapter.Bank.Modules.Count; module++)
            {
                double expected = Explicit(adapter, module, adapter.Tasks[task]);
                Assert.Equal(expected, summary.Modules[module].DeltaNorms[task], 1e-6 * expected); // gate values are rounded to float
                square += expected * expected;
            }

            Assert.Equal(Math.Sqrt(square), summary.Tasks[task].DeltaNorm, 1e-6 * Math.Sqrt(square));
        }
    }

    [Fact]
    public void TrainableShare_Pack_IsTheAuthorsCount()
    {
        using var pack = new Pack("chatglm-tiny");

        AdapterSummary summary = AdapterSummary.Create(pack.ReadAdapter(), pack.Model.ParameterCount);

        Assert.Equal(42560.0 / 183616, summary.TrainableShare);
        Assert.Null(AdapterSummary.Create(pack.ReadAdapter()).TrainableShare);
    }

    [Fact]
    public void Tasks_Pack_HaveTheirGateWeights()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();

        AdapterSummary summary = AdapterSummary.Create(adapter);

        Assert.Equal(adapter.Tasks, summary.Tasks.Select(t => t.Task));
        Closeness.AssertClose(pack.Expected("gate.3"), Assert.Single(summary.Tasks[2].Weights).Values, 1e-5, "gate.3");
    }

    [Fact]
    public void IsZero_UntrainedModule_IsReported()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        foreach (int expert in (int[])[0, 1])
            fixture.Add(AdapterFixture.B(1, expert), 6, 2, new float[12]);

        AdapterSummary summary = AdapterSummary.Create(fixture.Read());

        Assert.Equal([false, true], summary.Modules.Select(m => m.IsZero));
        Assert.False(summary.IsZero);
        Assert.Equal([0, 0, 0], summary.Modules[1].DeltaNorms);
    }

    [Fact]
    public void IsZero_UntrainedAdapter_IsReported()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        foreach (int layer in (int[])[0, 1])
        {
            foreach (int expert in (int[])[0, 1])
                fixture.Add(AdapterFixture.B(layer, expert), 6, 2, new float[12]);
        }

        Assert.True(AdapterSummary.Create(fixture.Read()).IsZero);
    }

    private static double Explicit(Adapter adapter, int module, AdapterTask task)
    {
        var adapted = adapter.Bank.Modules[module];
        var weights = adapter.Weights(task);
        var omega = weights[weights.Count == 1 ? 0 : module];
        int rank = adapter.Bank.Rank;
        double square = 0;
        for (int row = 0; row < adapted.Module.OutFeatures; row++)
        {
            for (int column = 0; column < adapted.Module.InFeatures; column++)
            {
                double sum = 0;
                for (int k = 0; k < rank; k++)
                    sum += (double)omega[k / adapter.Bank.ExpertRank] * adapted.B[row * rank + k] * adapted.A[k * adapted.Module.InFeatures + column];
                square += Math.Pow(adapter.Bank.Scaling * sum, 2);
            }
        }

        return Math.Sqrt(square);
    }
}
