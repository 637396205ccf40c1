using MoeLora.Models.Prompts;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Configuration;
using MoeLora.Training.Sampling;
using static MoeLora.Training.Tests.Configuration.ConfigurationFixture;

namespace MoeLora.Training.Tests.Configuration;

public class ConfigurationReaderTests
{
    [Fact]
    public void Read_NothingButPaths_HasThePapersDefaults()
    {
        TrainingConfiguration configuration = Require(Needed);
        Assert.Equal(("base", "train.jsonl", "runs/first"), (configuration.Model, configuration.Train, configuration.Out));
        Assert.Equal((16, 8, 8000L, 64), (configuration.Experts.Rank, configuration.Experts.ExpertCount, configuration.Training.Steps, configuration.Training.BatchSize));
        Assert.Equal((2e-4, 1024, 196), (configuration.Training.Optimizer.LearningRate, configuration.MaxInputTokens, configuration.MaxTargetTokens));
    }

    // Every option with a value that is not its default; one that is missing here fails the test below.
    private const string Everything = """
        model: base
        device: cpu:1
        train: "train set.jsonl"
        validation: dev.jsonl
        out: 'runs/first'
        method: moelora
        gate: per-module
        rank: 12
        experts: 4
        alpha: 8.5
        dropout: 0
        task_embedding_dim: 5
        top_k: 2
        target_modules: [q_proj, "v_proj"]
        steps: 77
        batch_size: 3
        pass_rows: 99
        learning_rate: 1e-3
        warmup_steps: 7
        weight_decay: 0.1
        clip_norm: none
        beta1: 0.8
        beta2: 0.99
        sampler: temperature
        temperature: 2
        seed: -4
        validation_interval: 11
        patience: 3
        checkpoint_interval: 13
        gradient_checkpointing: true
        prompt_format: chatml
        max_input_tokens: 100
        max_target_tokens: 50
        over_long: cut
        skip_bad: true
        weights: bf16
        threads: 2
        task:
          - CMeIE
          - CHIP-CDN
        """;

    [Fact]
    public void Read_EveryOption_IsTaken()
    {
        TrainingConfiguration configuration = Require(Everything);
        Assert.Equal((GateKind.PerModule, 12, 4, 8.5, 0f, 5, (int?)2), (configuration.Experts.Gate, configuration.Experts.Rank, configuration.Experts.ExpertCount,
            configuration.Experts.Alpha, configuration.Experts.Dropout, configuration.Experts.TaskEmbeddingDim, configuration.Experts.TopK));
        Assert.Equal(["q_proj", "v_proj"], configuration.Experts.TargetModules!);
        Assert.Equal((77L, 3, 99, SamplerKind.Temperature, 2d, -4, 11, 3), (configuration.Training.Steps, configuration.Training.BatchSize, configuration.Training.PassRows,
            configuration.Training.Sampler, configuration.Training.Temperature, configuration.Training.Seed, configuration.Training.ValidationInterval, configuration.Training.Patience));
        Assert.Equal((1e-3, 7, 0.1f, (double?)null, 0.8f, 0.99f), (configuration.Training.Optimizer.LearningRate, configuration.Training.Optimizer.WarmupSteps,
            configuration.Training.Optimizer.WeightDecay, configuration.Training.Optimizer.ClipNorm, configuration.Training.Optimizer.Beta1, configuration.Training.Optimizer.Beta2));
        Assert.Equal(("train set.jsonl", "dev.jsonl", 13, true, PromptFormat.ChatMl), (configuration.Train, configuration.Validation, configuration.CheckpointInterval, configuration.GradientCheckpointing, configuration.Format));
        Assert.Equal((100, 50, OverLong.Cut, true, (DType?)DType.BF16, (int?)2), (configuration.MaxInputTokens, configuration.MaxTargetTokens, configuration.OverLong, configuration.SkipBad, configuration.Weights, configuration.Threads));
        Assert.Equal(["CMeIE", "CHIP-CDN"], configuration.Tasks!);
    }

    [Fact]
    public void ToText_EveryOptionChanged_ReadsAsTheSame()
    {
        string text = TrainingOptions.ToText(Require(Everything));
        string defaults = TrainingOptions.ToText(Require(Needed));
        Assert.Equal(text, TrainingOptions.ToText(Require(text)));
        foreach (ConfigurationOption option in TrainingOptions.All.Where(option => option.Key is not ("model" or "out" or "method" or "virtual_tokens")))
            Assert.NotEqual(Line(defaults, option.Key), Line(text, option.Key));

        static string? Line(string json, string key) => json.Split('\n').SkipWhile(line => !line.Contains($"\"{key}\"", StringComparison.Ordinal)).FirstOrDefault();
    }

    [Fact]
    public void Read_Json_IsTheSameAsYaml()
    {
        TrainingConfiguration configuration = Require("""{"model": "base", "train": "tra\u0069n.jsonl", "out": "runs/first", "target_modules": ["q_proj"], "top_k": null, "skip_bad": true}""");
        Assert.Equal(TrainingOptions.ToText(Require(Needed + "target_modules: [q_proj]\nskip_bad: true\n")), TrainingOptions.ToText(configuration));
    }

    [Fact]
    public void Read_Flags_OverrideTheFile()
    {
        using var file = new ConfigurationFixture(Needed + "rank: 4\nexperts: 2\ntask: [CMeIE]\n");
        TrainingConfiguration configuration = file.Read(("rank", "6"), ("task", "CHIP-CDN, CMeIE"), ("skip_bad", "true")).Configuration!;
        Assert.Equal((6, 2, true), (configuration.Experts.Rank, configuration.Experts.ExpertCount, configuration.SkipBad));
        Assert.Equal(["CHIP-CDN", "CMeIE"], configuration.Tasks!);
    }

    [Fact]
    public void Read_SeveralMistakes_AreAllReportedWithTheirPlaces()
    {
        IReadOnlyList<string> problems = Problems("model: base\nstepps: 5\nrank: \"8\"\nbatch_size: 0\nexperts: 3\nskip_bad: yes\nout: [a, b]\n", ("learning_rate", "-1"), ("seed", "x"));
        Assert.Equal(9, problems.Count);
        Assert.Contains(problems, problem => problem.StartsWith("FILE:2: there is no option stepps", StringComparison.Ordinal));
        Assert.Contains("FILE:3: rank is \"8\"; it must be a whole number.", problems);
        Assert.Contains("FILE:4: batch_size is 0; it must be at least 1.", problems);
        Assert.Contains("FILE:5: experts is 3; it must divide the rank of 16.", problems);
        Assert.Contains("FILE:6: skip_bad is yes; it must be true or false.", problems);
        Assert.Contains("FILE:7: out is [a, b]; it must be text.", problems);
        Assert.Contains("--learning-rate: learning_rate is -1; it must be positive.", problems);
        Assert.Contains("--seed: seed is x; it must be a whole number.", problems);
        Assert.Contains("train is missing; it names the file of records to learn from.", problems);
    }

    [Theory]
    [InlineData("method: lora\nexperts: 4", "FILE:5: experts is for method moelora or molora; leave it out.")]
    [InlineData("virtual_tokens: 4", "FILE:4: virtual_tokens is for method p-tuning; leave it out.")]
    [InlineData("temperature: 4", "FILE:4: temperature is for sampler temperature; leave it out.")]
    [InlineData("patience: 4", "FILE:4: patience needs a validation_interval.")]
    [InlineData("validation: dev.jsonl", "FILE:4: validation needs a validation_interval of at least 1.")]
    [InlineData("validation_interval: 5", "FILE:4: validation_interval needs a file of validation records.")]
    [InlineData("gate: uniform\ntop_k: 2", "FILE:5: top_k needs a gate that is trained.")]
    [InlineData("top_k: 9", "FILE:4: top_k is 9; the sparse gate keeps 1 to 8 experts.")]
    [InlineData("task: []", "FILE:4: task is empty; leave it out to train on all tasks.")]
    [InlineData("steps: 1.5", "FILE:4: steps is 1.5; it must be a whole number.")]
    [InlineData("steps: 99999999999999999999", "FILE:4: steps is 99999999999999999999; it must be a whole number.")]
    [InlineData("alpha: .nan", "FILE:4: alpha is .nan; it must be a number.")]
    [InlineData("rank:", "FILE:4: rank is ; it must be a whole number.")]
    [InlineData("method: moe", "FILE:4: method is moe; it must be one of moelora, lora, lora-task-prompt, p-tuning, molora.")]
    [InlineData("rank: {a: 1}", "FILE:4: rank must be one value or a list of values.")]
    [InlineData("rank: 16\nrank: 4", "FILE:5: rank is also in line 4.")]
    [InlineData("Rank: 4", "FILE:4: there is no option Rank; did you mean rank?")]
    [InlineData("batchSize: 4", "FILE:4: there is no option batchSize; did you mean batch_size?")]
    public void Read_OneMistake_IsTheOnlyProblem(string line, string problem) => Assert.Equal([problem], Problems(Needed + line + "\n"));

    [Fact]
    public void Read_NeitherYamlNorJson_SaysTheLine()
    {
        // Where the parser notices is its own affair; it cannot before the second line.
        Assert.Contains(Problems("model: base\ntrain: [a, \nout: }\n"), problem => problem.StartsWith("FILE:", StringComparison.Ordinal) && problem.Contains(": neither YAML nor JSON: ", StringComparison.Ordinal) && problem[5] >= '2');
        Assert.Contains("FILE:1: a configuration is made of lines KEY: VALUE, or of one JSON object.", Problems("- model\n"));
    }

    [Fact]
    public void Read_NotUtf8_SaysSo()
    {
        using var file = new ConfigurationFixture([.. "model: "u8, 0xB0, 0xA1, (byte)'\n']);
        Assert.Contains($"{file.Path}: it is not UTF-8; save it as UTF-8.", file.Read().Problems);
    }

    [Fact]
    public void MethodExperts_OfLora_AreOneExpertWithoutGate()
    {
        ExpertSettings experts = Require(Needed + "method: lora\nrank: 5\n").MethodExperts;
        Assert.Equal((GateKind.None, 1, 5), (experts.Gate, experts.ExpertCount, experts.Rank));
    }
}
