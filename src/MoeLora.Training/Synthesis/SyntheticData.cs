using MoeLora.Training.Records;
using MoeLora.Training.Synthesis.Tasks;

namespace MoeLora.Training.Synthesis;

/// <summary>
/// Made-up records of the paper's eight tasks, from phrases and a vocabulary of our own. No input of one set is in another;
/// in one set two tasks may have the same input with different answers.
/// </summary>
public sealed record SyntheticData
{
    // With so many refused in a row the phrases have hardly anything new to say.
    private const int MostRefused = 2000;

    // From the task with most training records to the one with fewest, as in the paper (arXiv 2310.18339, table 1).
    internal static IReadOnlyList<ISyntheticTask> Tasks { get; } =
    [
        new ReplyTask(),
        new StatusTask(),
        new LabelTask("CHIP-CTC", "ctc", topicLabel: 1),
        new LabelTask("KUAKE-QIC", "qic", topicLabel: 0),
        new RelationTask(),
        new NormalizationTask(),
        new ReportTask(),
        new EventTask(),
    ];

    private enum Split
    {
        Test,
        Dev,
        Train,
    }

    /// <summary>The training set, task after task.</summary>
    public required IReadOnlyList<PromptRecord> Train { get; init; }

    /// <summary>The validation set.</summary>
    public required IReadOnlyList<PromptRecord> Dev { get; init; }

    /// <summary>The test set. It does not depend on the sizes of the others.</summary>
    public required IReadOnlyList<PromptRecord> Test { get; init; }

    /// <summary>Makes the three sets.</summary>
    /// <exception cref="ArgumentException">The options are wrong; all problems are listed.</exception>
    /// <exception cref="RecordException">There are not so many different inputs of a task.</exception>
    public static SyntheticData Generate(SynthesisOptions options) => Generate(options, Tasks);

    /// <summary>Makes the three sets of these tasks.</summary>
    internal static SyntheticData Generate(SynthesisOptions options, IReadOnlyList<ISyntheticTask> tasks)
    {
        options.ThrowIfWrong();
        MedicalVocabulary whole = MedicalVocabulary.Whole.Take(options.VocabularyShare);
        MedicalVocabulary seen = whole.Take(1 - options.UnseenShare);
        var inputs = new Dictionary<string, Split>(StringComparer.Ordinal);
        return new SyntheticData
        {
            Test = Make(Split.Test, whole, _ => options.TestSize),
            Dev = Make(Split.Dev, whole, _ => options.DevSize),
            Train = Make(Split.Train, seen, task => TrainSize(options, (double)task / Math.Max(1, tasks.Count - 1))),
        };

        PromptRecord[] Make(Split split, MedicalVocabulary vocabulary, Func<int, int> size) =>
            [.. tasks.SelectMany((task, index) => MakeTask(options, task, split, vocabulary, size(index), inputs, new SynthesisDraws(options.Seed, (index * 3) + (int)split)))];
    }

    // Place: 0 for the largest task, 1 for the smallest.
    private static int TrainSize(SynthesisOptions options, double place) => (int)Math.Round(options.Size * Math.Pow(options.Imbalance, -place));

    private static IEnumerable<PromptRecord> MakeTask(
        SynthesisOptions options, ISyntheticTask task, Split split, MedicalVocabulary vocabulary, int size, Dictionary<string, Split> inputs, SynthesisDraws draws)
    {
        PromptTask known = PromptTasks.Find(task.Name)!;
        string set = split switch { Split.Train => "train", Split.Dev => "dev", _ => "test" };
        var own = new HashSet<string>(StringComparer.Ordinal);
        for (int refused = 0; own.Count < size;)
        {
            (string input, SyntheticSample sample) = Compose(options, task, vocabulary, draws);
            if ((inputs.TryGetValue(input, out Split other) && other != split) || !own.Add(input))
            {
                if (++refused == MostRefused)
                    throw new RecordException($"{task.Name} has hardly more than the {own.Count} different inputs found for the {set} set, of which {size} are asked for. Ask for fewer, or for a larger share of the vocabulary.");
                continue;
            }

            refused = 0;
            inputs[input] = split;
            yield return new PromptRecord
            {
                Input = input,
                Target = sample.Target,
                AnswerChoices = sample.Choices,
                TaskType = known.Type,
                TaskDataset = known.Name,
                SampleId = $"{set}-{known.Name}-{own.Count}",
            };
        }
    }

    private static (string Input, SyntheticSample Sample) Compose(SynthesisOptions options, ISyntheticTask task, MedicalVocabulary vocabulary, SynthesisDraws draws)
    {
        SyntheticLanguage language = draws.Chance(options.EnglishShare) ? SyntheticLanguage.English : SyntheticLanguage.Chinese;
        bool bare = draws.Chance(options.BareShare);
        var scene = new Scene(vocabulary, language, draws);
        SyntheticSample sample = task.Compose(scene, bare);
        string body = draws.Chance(options.Noise) ? Disturbance.Apply(sample.Body, scene) : sample.Body;
        string listed = string.Join(scene.Word("comma"), sample.Options);
        if (!bare)
            return (scene.Say($"frame {task.Name}", ("body", body), ("options", listed)), sample);
        return (sample.AlwaysShowsOptions ? $"{body}\n{listed}" : body, sample);
    }
}
