using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Methods;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;
using MoeLora.Training.Parameters;
using MoeLora.Training.Runs;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Methods;

public sealed class LoraCompositionTests : IDisposable
{
    private static readonly ExpertSettings Lora = new() { Gate = GateKind.None, ExpertCount = 1, Rank = 3, Alpha = 6, Dropout = 0.2f };

    private readonly TinyModel _model = new(TinyModel.Tied);
    private readonly CpuDevice _device = new(threads: 1);
    private readonly Network _network;

    public LoraCompositionTests() => _network = _model.Freeze(_device);

    public void Dispose()
    {
        _network.Dispose();
        _device.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Sum_OfThreeLoras_IsTheBaseModelWithTheirScaledDeltas()
    {
        using var loras = new Loras(_network, 3);
        using ExpertAdaptation sum = new LoraComposition(_network, loras.All).Sum(0.7);
        PackedBatch batch = TinyModel.Pack(_model.Samples(_network));
        double loss = _network.Evaluate(batch, sum);

        using Network dense = WithDeltas(loras.All, 0.7);
        using var nothing = new Adaptation();

        Assert.Equal(dense.Evaluate(batch, nothing), loss, 1e-4); // float32 through two layers
        Assert.NotEqual(_network.Evaluate(batch, nothing), loss, 1e-1);
    }

    [Fact]
    public void Blend_IsTheLoraOfTheWeightedMatrices()
    {
        using var loras = new Loras(_network, 3);
        using var blend = new ExpertAdaptation(_network, Lora, taskCount: 2, seed: 0);
        double[] weights = [0.5, -1.25, 0.75];

        new LoraComposition(_network, loras.All).Blend(weights, blend);

        foreach (LinearModule module in blend.Modules)
        {
            Assert.Equal(Weighted(lora => lora.Layer(module).A), blend.Layer(module).A.ToArray(), new Nearly());
            Assert.Equal(Weighted(lora => lora.Layer(module).B), blend.Layer(module).B.ToArray(), new Nearly());
        }

        float[] Weighted(Func<ExpertAdaptation, Parameter> matrix) =>
            [.. Enumerable.Range(0, (int)matrix(loras.All[0]).Count).Select(i => (float)loras.All.Zip(weights, (lora, weight) => weight * matrix(lora).ToArray()[i]).Sum())];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Search_OverRandomLoras_IsNeverWorseThanTheBaseModel(int seed)
    {
        using var loras = new Loras(_network, 3);
        List<PackedBatch> samples = [TinyModel.Pack(_model.Samples(_network))];
        using var nothing = new Adaptation();

        using ExpertAdaptation found = new LoraComposition(_network, loras.All).Search(samples, trials: 12, new Random(seed), default);

        Assert.True(TrainingRun.MeanLoss(_network, found, samples) <= TrainingRun.MeanLoss(_network, nothing, samples) + 1e-9);
    }

    [Fact]
    public void Search_AmongTrainedAndRandomLoras_FindsABetterBlend()
    {
        using var loras = new Loras(_network, 2);
        Train(loras.All[0]);
        List<PackedBatch> samples = [TinyModel.Pack(_model.Samples(_network))];
        using var nothing = new Adaptation();

        using ExpertAdaptation found = new LoraComposition(_network, loras.All).Search(samples, trials: 40, new Random(1), default);

        Assert.True(TrainingRun.MeanLoss(_network, found, samples) < TrainingRun.MeanLoss(_network, nothing, samples) - 0.1);
    }

    [Fact]
    public void Search_SameRandom_SameBlend()
    {
        using var loras = new Loras(_network, 1);
        Train(loras.All[0]);

        float[] first = Found(1), again = Found(1), other = Found(2);

        Assert.Equal(first, again);
        Assert.NotEqual(first, other);

        float[] Found(int seed)
        {
            using ExpertAdaptation found = new LoraComposition(_network, loras.All).Search([TinyModel.Pack(_model.Samples(_network))], trials: 3, new Random(seed), default);
            return found.Parameters[0].ToArray();
        }
    }

    /// <summary>A LoRA that was trained and then made far smaller is best with a weight far larger than the bound.</summary>
    [Fact]
    public void Search_WhereMoreWouldBeBetter_StaysInsideTheBound()
    {
        using var loras = new Loras(_network, 1);
        ExpertAdaptation small = loras.All[0];
        Train(small);
        foreach (LinearModule module in small.Modules)
            small.Layer(module).B.Set(Array.ConvertAll(small.Layer(module).B.ToArray(), value => 0.1f * value));

        using ExpertAdaptation found = new LoraComposition(_network, loras.All).Search([TinyModel.Pack(_model.Samples(_network))], trials: 60, new Random(1), default);

        float[] unit = small.Parameters[0].ToArray(), values = found.Parameters[0].ToArray();
        int largest = Array.IndexOf(unit, unit.MaxBy(Math.Abs));
        Assert.Equal(1.5, Math.Abs(values[largest] / unit[largest]), 1e-5);
    }

    [Fact]
    public void Search_Cancelled_Stops()
    {
        using var loras = new Loras(_network, 1);
        Assert.Throws<OperationCanceledException>(() =>
            new LoraComposition(_network, loras.All).Search([TinyModel.Pack(_model.Samples(_network))], trials: 2, new Random(1), new CancellationToken(canceled: true)));
    }

    private void Train(ExpertAdaptation lora)
    {
        foreach (LinearModule module in lora.Modules)
            lora.Layer(module).B.Set(new float[lora.Layer(module).B.Count]);
        using var run = new TrainingRun(
            _network, lora, _model.Samples(_network), [], new TrainingSettings { Steps = 20, BatchSize = 3, Optimizer = new OptimizerSettings { LearningRate = 2e-2 } });
        run.Complete(_ => { });
    }

    private Network WithDeltas(IReadOnlyList<ExpertAdaptation> loras, double scale)
    {
        Dictionary<string, float[]> weights;
        using (Checkpoint published = Checkpoint.Open(_model.Directory))
            weights = published.Tensors.Keys.ToDictionary(name => name, name => Values(published, name));
        foreach (LinearModule module in loras[0].Modules)
        {
            float[] weight = weights[module.Name + ".weight"];
            foreach (ExpertAdaptation lora in loras)
            {
                float[] a = lora.Layer(module).A.ToArray(), b = lora.Layer(module).B.ToArray();
                for (int row = 0; row < module.OutFeatures; row++)
                {
                    for (int column = 0; column < module.InFeatures; column++)
                    {
                        double delta = 0;
                        for (int k = 0; k < Lora.Rank; k++)
                            delta += (double)b[row * Lora.Rank + k] * a[k * module.InFeatures + column];
                        weight[row * module.InFeatures + column] += (float)(scale * Lora.Alpha / Lora.Rank * delta);
                    }
                }
            }
        }
        _model.WriteWeights(weights);
        return _model.Freeze(_device);
    }

    private static unsafe float[] Values(Checkpoint published, string name)
    {
        var view = published.View(name);
        return new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
    }

    /// <summary>LoRAs with random values.</summary>
    private sealed class Loras : IDisposable
    {
        public Loras(Network network, int count)
        {
            All = [.. Enumerable.Range(0, count).Select(_ => new ExpertAdaptation(network, Lora, taskCount: 2, seed: 0))];
            for (int i = 0; i < count; i++)
            {
                foreach (Parameter parameter in All[i].Parameters)
                    Initialization.Normal(parameter, 0.3, seed: i);
            }
        }

        public IReadOnlyList<ExpertAdaptation> All { get; }

        public void Dispose()
        {
            foreach (ExpertAdaptation lora in All)
                lora.Dispose();
        }
    }

    /// <summary>Equal to the rounding of a sum of three float32 products.</summary>
    private sealed class Nearly : IEqualityComparer<float>
    {
        public bool Equals(float x, float y) => Math.Abs(x - y) <= 1e-6;

        public int GetHashCode(float value) => 0;
    }
}
