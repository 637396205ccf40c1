using MoeLora.Adapters;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Cli.Verification;

/// <summary>Compares the loss of a pack's batch, and its gradients for the adapter.</summary>
internal sealed class TrainingComparison
{
    // From the packs' own description.
    private const double LossTolerance = 1e-4;
    private const double GradientTolerance = 1e-4;

    private readonly ReferencePack _pack;
    private readonly Adapter _adapter;
    private readonly Comparison _loss, _gradients;

    /// <param name="pack">What is expected.</param>
    /// <param name="adapter">The pack's adapter.</param>
    /// <param name="exactWeights">Whether the tolerances apply.</param>
    public TrainingComparison(ReferencePack pack, Adapter adapter, bool exactWeights)
    {
        (_pack, _adapter) = (pack, adapter);
        _loss = new Comparison("training loss", "", LossTolerance, exactWeights);
        _gradients = new Comparison("gradients (relative)", "", GradientTolerance, exactWeights);
    }

    public IReadOnlyList<Comparison> Comparisons => [_loss, _gradients];

    /// <summary>Trains nothing: one forward and one backward pass, without dropout.</summary>
    /// <param name="batch">The pack's batch, without problems.</param>
    /// <param name="tensors">The gradients that the pack has; experts and modules must be the adapter's.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="weights">How the model's weights are kept.</param>
    public void Run(TrainBatch batch, IReadOnlyList<ExpectedTensor> tensors, Device device, DType weights)
    {
        using Network network = NetworkLoader.Load(_pack.Directory, device, weights);
        using ExpertAdaptation adaptation = ExpertAdaptation.From(network, _adapter);
        var packed = new PackedBatch();
        for (int i = 0; i < batch.InputIds.Count; i++)
        {
            int prompt = batch.PromptLength(i);
            packed.Add(new TrainingSample(batch.InputIds[i], prompt, batch.TaskId[i], network.ShapeOf(batch.InputIds[i].AsSpan(0, prompt))));
        }
        double loss = network.Accumulate(packed, adaptation, 1f / packed.Targets.Length, dropoutSeed: 0) / packed.Targets.Length;

        _loss.Add("train_batch", [(float)batch.Loss], [(float)loss]);
        foreach (ExpectedTensor tensor in tensors)
        {
            switch (tensor)
            {
                case ExpectedTensor.GateGradient gate:
                    Compare(gate.Name, device, adaptation.Parameters.Single(parameter => parameter.Name == (gate.IsEmbedding ? "task_embedding" : "gate")).GradientToArray());
                    break;
                case ExpectedTensor.ExpertGradient expert:
                    Compare(expert.Name, device, OfExpert(adaptation, expert));
                    break;
            }
        }
    }

    // The rows of A, or the columns of B, that are the expert's.
    private float[] OfExpert(ExpertAdaptation adaptation, ExpectedTensor.ExpertGradient expected)
    {
        LinearModule module = adaptation.Modules.Single(module => module.Name == expected.Module);
        (Parameter a, Parameter b) = adaptation.Layer(module);
        int rank = _adapter.Bank.ExpertRank, first = expected.Expert * rank;
        return expected.IsA
            ? a.GradientToArray()[(first * module.InFeatures)..((first + rank) * module.InFeatures)]
            : [.. b.GradientToArray().Where((_, i) => i % _adapter.Bank.Rank >= first && i % _adapter.Bank.Rank < first + rank)];
    }

    // Relative to the tensor's largest element: single elements may be sums that cancel.
    private void Compare(string name, Device device, float[] gradient)
    {
        float[] expected = _pack.Values(name, device);
        float largest = expected.Max(Math.Abs);
        if (largest > 0)
            (expected, gradient) = (Array.ConvertAll(expected, value => value / largest), Array.ConvertAll(gradient, value => value / largest));
        _gradients.Add(name, expected, gradient);
    }
}
