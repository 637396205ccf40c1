using System.Globalization;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Runs;

/// <summary>
/// A run as one safetensors file: parameters, both moments of each, the best parameters so far, and in its metadata where the run stands. Written
/// beside its place and renamed, so a run that is killed at any point leaves a whole file.
/// </summary>
public static class TrainingCheckpoint
{
    private const string Format = "moelora-training-1";

    /// <summary>Writes the run's state over an older one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="run">Between two steps.</param>
    /// <param name="configuration">What the run was configured with, as text: a run of another configuration is refused when it is read.</param>
    public static void Write(string path, TrainingRun run, string configuration)
    {
        var entries = new List<SafetensorsEntry>();
        for (int i = 0; i < run.Parameters.Count; i++)
        {
            Parameter parameter = run.Parameters[i];
            int[] shape = [parameter.Value.Rows, parameter.Value.Columns];
            entries.Add(new SafetensorsEntry("value." + parameter.Name, shape, parameter.ToArray()));
            entries.Add(new SafetensorsEntry("mean." + parameter.Name, shape, Parameter.ToArray(run.Optimizer.Moments[i].Mean)));
            entries.Add(new SafetensorsEntry("mean_square." + parameter.Name, shape, Parameter.ToArray(run.Optimizer.Moments[i].MeanSquare)));
            if (run.BestValues is not null)
                entries.Add(new SafetensorsEntry("best." + parameter.Name, shape, run.BestValues[i]));
        }
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["configuration"] = configuration,
            ["samples"] = Text(run.SampleCount),
            ["step"] = Text(run.Step),
            ["validations_since_best"] = Text(run.ValidationsSinceBest),
        };
        if (run.Best is { } best)
        {
            metadata["best_loss"] = best.Loss.ToString("R", CultureInfo.InvariantCulture);
            metadata["best_step"] = Text(best.Step);
        }
        SafetensorsWriter.Write(path, entries, metadata);
    }

    /// <summary>Puts a run back to where it stood.</summary>
    /// <param name="path">What <see cref="Write"/> wrote.</param>
    /// <param name="run">A new run of the same model, data and settings.</param>
    /// <param name="configuration">As given to <see cref="Write"/>.</param>
    /// <exception cref="CheckpointException">The file is no checkpoint, or one of another run; the run is unchanged.</exception>
    public static void Restore(string path, TrainingRun run, string configuration)
    {
        using Checkpoint file = Checkpoint.Open(path);
        IReadOnlyDictionary<string, string> metadata = file.Metadata;
        if (metadata.GetValueOrDefault("format") != Format)
            throw new CheckpointException($"{path} is no training checkpoint.");
        if (metadata.GetValueOrDefault("configuration") != configuration || metadata.GetValueOrDefault("samples") != Text(run.SampleCount))
        {
            throw new CheckpointException(
                $"{path} is a checkpoint of a run with another configuration or other data, which cannot go on with this one. "
                + "Resume with the configuration and data that it began with, or start anew in another directory.");
        }
        string[] kinds = metadata.ContainsKey("best_loss") ? ["value", "mean", "mean_square", "best"] : ["value", "mean", "mean_square"];
        string[] wrong =
        [
            .. from parameter in run.Parameters
               from kind in kinds
               let name = $"{kind}.{parameter.Name}"
               where !file.Tensors.ContainsKey(name) || file.View(name).Rows != parameter.Value.Rows || file.View(name).Columns != parameter.Value.Columns
               select name,
        ];
        if (wrong.Length > 0)
            throw new CheckpointException($"{path} lacks tensors of this run, or has them in other shapes: {string.Join(", ", wrong)}.");

        for (int i = 0; i < run.Parameters.Count; i++)
        {
            Parameter parameter = run.Parameters[i];
            parameter.Value.Device.Upload(file.View("value." + parameter.Name), parameter.Value);
            parameter.Value.Device.Upload(file.View("mean." + parameter.Name), run.Optimizer.Moments[i].Mean);
            parameter.Value.Device.Upload(file.View("mean_square." + parameter.Name), run.Optimizer.Moments[i].MeanSquare);
            parameter.ClearGradient();
        }
        bool hasBest = metadata.ContainsKey("best_loss");
        run.Restore(
            Number(metadata["step"]),
            hasBest ? (double.Parse(metadata["best_loss"], CultureInfo.InvariantCulture), Number(metadata["best_step"])) : null,
            (int)Number(metadata["validations_since_best"]),
            hasBest ? [.. run.Parameters.Select(parameter => ToArray(file.View("best." + parameter.Name)))] : null);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static unsafe float[] ToArray(TensorView view) => new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
}
