using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Tests.Networks;

/// <summary>Gradients of whole networks against differences of the loss, and against each other.</summary>
public sealed class GradientTests
{
    private const ulong Seed = 77;

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (string method in TinyMethods.Names)
            {
                cases.Add(TinyModel.Llama, method);
                cases.Add(TinyModel.ChatGlm, method);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(TinyModel.Kinds), MemberType = typeof(TinyModel))]
    public void Gradient_OfTheWholeBase_IsTheSlopeOfTheLoss(string kind)
    {
        using var model = new TinyModel(kind);
        using var device = new ReferenceDevice();
        using Network network = model.Train(device);
        using var adaptation = new Adaptation();
        PackedBatch batch = TinyModel.Pack(model.Samples(network));

        double loss = network.Accumulate(batch, adaptation, 1, Seed);

        Assert.Equal(network.Evaluate(batch, adaptation), loss);
        CheckAll(network.Parameters, () => network.Evaluate(batch, adaptation));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradient_OfBaseAndMethodTogether_IsTheSlopeOfTheLoss(string kind, string method)
    {
        using var model = new TinyModel(kind);
        using var device = new ReferenceDevice();
        using Network network = model.Train(device);
        using Adaptation adaptation = TinyMethods.Create(method, network);
        PackedBatch batch = TinyModel.Pack(model.Samples(network, adaptation as PromptAdaptation));

        network.Accumulate(batch, adaptation, 1, Seed);

        // Of the base what lies before the first adapted layer, between, and after the last.
        string[] some = ["embed", "layers.0.input_layernorm.weight", "layers.1.input_layernorm.weight", "layers.0.self_attn.k_proj.weight", "layers.0.attention.query_key_value.weight", "lm_head"];
        // A scale of 0 gives the loss with the same dropout, and adds nothing to the gradients.
        CheckAll([.. adaptation.Parameters, .. network.Parameters.Where(parameter => some.Any(parameter.Name.Contains))], () => network.Accumulate(batch, adaptation, 0, Seed));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradient_OfAFrozenBase_IsThatOfATrainedOne(string kind, string method)
    {
        using var model = new TinyModel(kind);
        using var device = new CpuDevice(threads: 1);
        using Network frozen = model.Freeze(device), trained = model.Train(device);

        (double loss, float[][] gradients) = Gradients(model, frozen, method);
        (double otherLoss, float[][] others) = Gradients(model, trained, method);

        Assert.Equal(otherLoss, loss);
        Assert.Equal(others, gradients);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Checkpointing_ChangesNoBitOfTheGradient(string kind, string method)
    {
        using var model = new TinyModel(kind);
        using var device = new CpuDevice(threads: 2);
        using Network keeping = model.Freeze(device), computing = model.Freeze(device);
        computing.Checkpointing = true;

        Assert.Equal(Gradients(model, keeping, method).Gradients, Gradients(model, computing, method).Gradients);
    }

    [Theory]
    [InlineData("shared dropout")]
    [InlineData("routed dropout")]
    public void Dropout_OfAnotherSeed_GivesAnotherLoss_AndNoneIsInEvaluation(string method)
    {
        using var model = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = model.Freeze(device);
        using Adaptation dropping = TinyMethods.Create(method, network), plain = TinyMethods.Create(method.Split(' ')[0], network);
        PackedBatch batch = TinyModel.Pack(model.Samples(network));

        double[] losses = [network.Accumulate(batch, dropping, 1, 1), network.Accumulate(batch, dropping, 1, 2), network.Accumulate(batch, plain, 1, 1)];

        Assert.Equal(3, losses.Distinct().Count());
        Assert.Equal(losses[2], network.Evaluate(batch, dropping));
    }

    [Fact]
    public void Accumulate_Twice_AddsGradients()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = model.Freeze(device);
        using Adaptation adaptation = TinyMethods.Create("shared", network);
        PackedBatch batch = TinyModel.Pack(model.Samples(network));

        network.Accumulate(batch, adaptation, 0.5f, Seed);
        float[] once = adaptation.Parameters[^1].GradientToArray();
        network.Accumulate(batch, adaptation, 0.5f, Seed);

        float[] twice = adaptation.Parameters[^1].GradientToArray();
        for (int i = 0; i < once.Length; i++)
            Assert.Equal(2 * once[i], twice[i], 1e-6 * once.Max(Math.Abs)); // a sum in another order
    }

    [Fact]
    public void Forward_OfASequenceLongerThanTheModel_IsRefused()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = model.Freeze(device);
        using var adaptation = new Adaptation();
        PackedBatch batch = TinyModel.Pack(new TrainingSample(new int[66], 3, 1, default));

        Assert.Contains("64 positions", Assert.Throws<ArgumentException>(() => network.Evaluate(batch, adaptation)).Message);
    }

    [Fact]
    public void Forward_OfTaskZero_IsRefused()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = model.Freeze(device);
        using Adaptation adaptation = TinyMethods.Create("shared", network);
        PackedBatch batch = TinyModel.Pack(new TrainingSample([1, 2, 3], 2, 0, default));

        Assert.Contains("task id 0", Assert.Throws<ArgumentException>(() => network.Evaluate(batch, adaptation)).Message);
    }

    private static void CheckAll(IReadOnlyList<Parameter> parameters, Func<double> loss)
    {
        var random = new Random(9);
        foreach (Parameter parameter in parameters)
            FiniteDifference.Check(parameter, loss, random);
    }

    private static (double Loss, float[][] Gradients) Gradients(TinyModel model, Network network, string method)
    {
        using Adaptation adaptation = TinyMethods.Create(method, network);
        double loss = network.Accumulate(TinyModel.Pack(model.Samples(network, adaptation as PromptAdaptation)), adaptation, 0.1f, Seed);
        return (loss, [.. adaptation.Parameters.Select(parameter => parameter.GradientToArray())]);
    }
}
