using MoeLora.Adapters;
using MoeLora.Adapters.Export;
using MoeLora.Adapters.Import;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Configuration;
using MoeLora.Training.Networks;
using MoeLora.Training.Parameters;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Outputs;

/// <summary>What a configuration trains on a network, and how records become tokens for it. Owns the adaptation.</summary>
public sealed class TrainedMethod : IDisposable
{
    private const string Format = "moelora-trained-1";

    private TrainedMethod(TrainingConfiguration configuration, Adaptation adaptation, SampleEncoder encoder) =>
        (Configuration, Adaptation, Encoder) = (configuration, adaptation, encoder);

    /// <summary>What it was made for.</summary>
    public TrainingConfiguration Configuration { get; }

    /// <summary>The parameters.</summary>
    public Adaptation Adaptation { get; }

    /// <summary>Turns records into tokens.</summary>
    public SampleEncoder Encoder { get; }

    /// <summary>Whether it can be published as an adapter, which serves without this project's training code.</summary>
    public bool IsAdapter => Adaptation is ExpertAdaptation;

    /// <summary>A method with new parameters.</summary>
    /// <param name="configuration">Without problems.</param>
    /// <param name="network">The base model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="tasks">Ids of the tasks.</param>
    /// <exception cref="ArgumentException">The model has no layer of the configured names.</exception>
    public static TrainedMethod Create(TrainingConfiguration configuration, Network network, ITokenizer tokenizer, TaskSet tasks)
    {
        int seed = configuration.Training.Seed;
        Adaptation adaptation = configuration.Method switch
        {
            TrainingMethod.MoeLora or TrainingMethod.Lora or TrainingMethod.LoraTaskPrompt => new ExpertAdaptation(network, configuration.MethodExperts, tasks.Count, seed),
            TrainingMethod.PTuning => new PromptAdaptation(network, configuration.VirtualTokens, seed),
            TrainingMethod.MoLora => new RoutedAdaptation(network, configuration.MethodExperts, seed),
            _ => throw new ArgumentOutOfRangeException(nameof(configuration), configuration.Method, "Unknown method."),
        };
        return Of(configuration, network, tokenizer, tasks, adaptation);
    }

    /// <summary>A method as a run left it in its directory.</summary>
    /// <param name="configuration">Of the run.</param>
    /// <param name="directory">The run's directory.</param>
    /// <param name="network">The base model that it was trained on.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <exception cref="AdapterException">The adapter does not fit the network.</exception>
    /// <exception cref="CheckpointException">The parameters do not.</exception>
    public static TrainedMethod Load(TrainingConfiguration configuration, TrainingDirectory directory, Network network, ITokenizer tokenizer)
    {
        TaskSet tasks = TaskSet.ReadFrom(directory.Tasks);
        if (configuration.Method is TrainingMethod.PTuning or TrainingMethod.MoLora)
        {
            TrainedMethod method = Create(configuration, network, tokenizer, tasks);
            method.Read(directory.Parameters);
            return method;
        }

        Adapter adapter = AdapterReader.Open(directory.Adapter, network.LinearModules);
        return Of(configuration, network, tokenizer, tasks, ExpertAdaptation.From(network, adapter));
    }

    /// <summary>Writes what was trained, in place of what an interrupted attempt left: an adapter, or the parameters by their names, and the tasks.</summary>
    public void Write(TrainingDirectory directory)
    {
        Encoder.Tasks.WriteTo(directory.Tasks);
        if (Adaptation is not ExpertAdaptation experts)
        {
            SafetensorsWriter.Write(
                directory.Parameters,
                Adaptation.Parameters.Select(parameter => new SafetensorsEntry(parameter.Name, [parameter.Value.Rows, parameter.Value.Columns], parameter.ToArray())),
                new Dictionary<string, string> { ["format"] = Format });
            return;
        }

        if (Directory.Exists(directory.Adapter))
            Directory.Delete(directory.Adapter, recursive: true);
        AdapterDirectory.Write(directory.Adapter, experts.ToAdapter(Encoder.Tasks.TaskNames));
        Encoder.Tasks.WriteTo(Path.Combine(directory.Adapter, AdapterReader.TaskNamesFile));
    }

    /// <inheritdoc/>
    public void Dispose() => Adaptation.Dispose();

    private static TrainedMethod Of(TrainingConfiguration configuration, Network network, ITokenizer tokenizer, TaskSet tasks, Adaptation adaptation)
    {
        bool cuts = configuration.OverLong == OverLong.Cut;
        var encoder = new SampleEncoder(network, tokenizer, tasks, configuration.Format)
        {
            CutInputTokens = cuts ? configuration.MaxInputTokens : null,
            CutTargetTokens = cuts ? configuration.MaxTargetTokens : null,
            Prepend = adaptation is PromptAdaptation prompt ? prompt.Prepend : ids => [.. ids],
            Preface = configuration.Method == TrainingMethod.LoraTaskPrompt ? TaskPreface.Of : _ => "",
        };
        return new TrainedMethod(configuration, adaptation, encoder);
    }

    private void Read(string path)
    {
        using Checkpoint file = Checkpoint.Open(path);
        if (file.Metadata.GetValueOrDefault("format") != Format)
            throw new CheckpointException($"{path} holds no trained parameters.");
        string[] wrong =
        [
            .. from parameter in Adaptation.Parameters
               where !file.Tensors.ContainsKey(parameter.Name) || file.View(parameter.Name).Rows != parameter.Value.Rows || file.View(parameter.Name).Columns != parameter.Value.Columns
               select parameter.Name,
        ];
        if (wrong.Length > 0)
            throw new CheckpointException($"{path} lacks parameters, or has them in other shapes: {string.Join(", ", wrong)}. Was it trained on another model?");
        foreach (Parameter parameter in Adaptation.Parameters)
            parameter.Value.Device.Upload(file.View(parameter.Name), parameter.Value);
    }
}
