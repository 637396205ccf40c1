using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Records;
using MoeLora.Training.Tests.Networks;
using MoeLora.Training.Tests.Reports;
using MoeLora.Training.Tokenization;

namespace MoeLora.Training.Tests.Pretraining;

public sealed class BaseModelFilesTests
{
    private static readonly BaseModelShape Shape = new() { Hidden = 16, Layers = 2, Heads = 4, KeyValueHeads = 2, Intermediate = 24, MaxPositions = 32 };
    private static readonly int[] Tokens = [5, 9, 1, 14, 3, 8, 20];

    [Fact]
    public void Write_ATrainedNetwork_IsTheSameModelForServing()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(threads: 1);
        using Network network = NetworkLoader.Create(Shape.ToConfig(vocabulary: 27, endToken: 26), device, seed: 1);
        TinyModel.Randomise(network.Parameters);
        PackedBatch batch = TinyModel.Pack([new TrainingSample(Tokens, 1, 1, default)]);
        using var nothing = new Adaptation();
        double loss = network.Evaluate(batch, nothing);

        BaseModelFiles.Write(folder.Path, network);

        using CausalModel model = ModelLoader.Load(folder.Path, device, DType.F32);
        using Network again = NetworkLoader.Load(folder.Path, device, DType.F32);
        double served = Loss(model), read = again.Evaluate(batch, nothing);
        Assert.Equal(read, served, 1e-4); // both from the same bf16 weights, in float32
        Assert.InRange(Math.Abs(loss - served) / loss, 1e-9, 1e-2); // bf16 has 8 bits of precision
    }

    [Fact]
    public void Write_TheConfig_ReadsAsItWas()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(threads: 1);
        LlamaConfig config = Shape.ToConfig(vocabulary: 27, endToken: 26);
        using Network network = NetworkLoader.Create(config, device, seed: 1);

        BaseModelFiles.Write(folder.Path, network);

        var read = Assert.IsType<LlamaConfig>(ModelConfigReader.Read(folder.Path));
        Assert.Equal([26], read.EndTokenIds);
        Assert.Equal(config, read with { EndTokenIds = config.EndTokenIds });
    }

    [Fact]
    public void Write_AFrozenNetwork_IsRefused()
    {
        using var model = new TinyModel(TinyModel.Tied);
        using var device = new CpuDevice(threads: 1);
        using Network network = model.Freeze(device);
        Assert.Throws<ArgumentException>(() => BaseModelFiles.Write(model.Directory, network));
    }

    [Theory]
    [InlineData(10, 3, 1, "hidden is 10 with 3 heads")]
    [InlineData(18, 6, 2, "hidden is 18 with 6 heads")]
    [InlineData(24, 6, 4, "kv_heads is 4; it must divide the 6 heads.")]
    [InlineData(0, 1, 1, "hidden is 0; it must be at least 1.")]
    public void FindProblems_OfAShapeThatCannotBe_SaysWhy(int hidden, int heads, int kvHeads, string problem) =>
        Assert.Contains((Shape with { Hidden = hidden, Heads = heads, KeyValueHeads = kvHeads }).FindProblems(), found => found.StartsWith(problem, StringComparison.Ordinal));

    [Fact]
    public void Encode_Texts_EndWithTheEndTokenAndLearnAllButTheFirst()
    {
        using var folder = new TemporaryFolder();
        (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(["abab", "ab"], new BytePairOptions { VocabularySize = 300 }, folder.Path);

        TrainingSample sample = Assert.Single(Pretrainer.Encode([(1, "abc")], "corpus.jsonl", tokenizer, end, maxPositions: 8));

        Assert.Equal("abc", tokenizer.Decode(sample.Tokens[..^1]));
        Assert.Equal((end, sample.Tokens.Length - 1), (sample.Tokens[^1], sample.TargetCount));
    }

    [Fact]
    public void Encode_TextsThatAreTooLong_ListsTheirLines()
    {
        using var folder = new TemporaryFolder();
        (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(["abcdefgh"], new BytePairOptions { VocabularySize = 258 }, folder.Path);

        string message = Assert.Throws<RecordException>(() => Pretrainer.Encode([(1, "abc"), (3, "abcdefgh"), (4, "abcd"), (7, "abcde")], "corpus.jsonl", tokenizer, end, maxPositions: 5)).Message;

        Assert.Equal(
            ["corpus.jsonl:3: the text has 9 tokens, the model 5 positions. Give it more, or divide the text.", "corpus.jsonl:7: the text has 6 tokens, the model 5 positions. Give it more, or divide the text."],
            message.Split('\n'));
    }

    [Fact]
    public void Encode_NoText_IsRefused()
    {
        using var folder = new TemporaryFolder();
        (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(["ab"], new BytePairOptions { VocabularySize = 258 }, folder.Path);
        Assert.Equal("corpus.jsonl: the corpus holds no text.", Assert.Throws<RecordException>(() => Pretrainer.Encode([], "corpus.jsonl", tokenizer, end, maxPositions: 5)).Message);
    }

    private static double Loss(CausalModel model)
    {
        int rows = Tokens.Length - 1, vocabulary = model.Config.VocabularySize;
        using ModelSequence sequence = model.StartSequence(Tokens.AsSpan(0, rows), rows);
        using Tensor logits = model.Device.Allocate(DType.F32, rows, vocabulary);
        var batch = new StepBatch();
        batch.Add(sequence, Tokens.AsSpan(0, rows), LogitsWanted.All);
        model.Forward(batch, logits);
        double loss = 0;
        float[] values = new float[vocabulary];
        for (int row = 0; row < rows; row++)
        {
            model.Device.Download(logits, row, values);
            loss += Math.Log(values.Sum(value => Math.Exp(value))) - values[Tokens[row + 1]];
        }
        return loss;
    }
}
