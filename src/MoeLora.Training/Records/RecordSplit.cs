using System.Globalization;

namespace MoeLora.Training.Records;

/// <summary>
/// Splits a validation set off a training set as the paper did: of each task as many records as the test set has, drawn at random,
/// after records that occur twice or in the test set were left out. A prompt that several records share stays in training, so that
/// no prompt is on both sides. The draw depends on the seed, the task and the <c>sample_id</c> alone, not on the order of the file.
/// </summary>
public sealed class RecordSplit
{
    private static readonly RecordOptions TrainOptions = new() { AllowsRepeats = true };
    private static readonly RecordOptions TestOptions = new() { RequiresTargets = false, AllowsRepeats = true };

    private readonly string _trainPath;
    private readonly HashSet<int> _leftOutLines;
    private readonly HashSet<int> _devLines;

    private RecordSplit(string trainPath, HashSet<int> leftOutLines, HashSet<int> devLines, IReadOnlyList<TaskSplit> tasks, RecordProblems problems)
    {
        _trainPath = trainPath;
        _leftOutLines = leftOutLines;
        _devLines = devLines;
        Tasks = tasks;
        Problems = problems;
    }

    /// <summary>What becomes of each task that occurs, in the order of <see cref="PromptTasks.All"/>.</summary>
    public IReadOnlyList<TaskSplit> Tasks { get; }

    /// <summary>What is wrong with lines of the two files, which are in neither set.</summary>
    public RecordProblems Problems { get; }

    /// <summary>Decides where each record goes; keeps of a record only digests.</summary>
    /// <param name="trainPath">The records to split.</param>
    /// <param name="testPath">The test set, with or without answers.</param>
    /// <param name="seed">Of the draw.</param>
    /// <param name="skipBad">Whether to go on without bad lines, counting them, instead of refusing the files.</param>
    /// <exception cref="RecordException">Something is wrong with the files, or tasks have too few records; the message lists it all.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static RecordSplit Plan(string trainPath, string testPath, int seed, bool skipBad = false)
    {
        var problems = new RecordProblems();
        var tasks = PromptTasks.All.ToDictionary(task => task.Name, _ => new Drawing());
        var testInputs = new HashSet<UInt128>();
        foreach (PromptRecord record in RecordFile.Read(testPath, TestOptions, problems))
        {
            tasks[record.TaskDataset].Test++;
            testInputs.Add(TextDigest.Of(record.Input));
        }

        var seen = new HashSet<(UInt128, UInt128)>();
        var inputs = new Dictionary<UInt128, int>();
        var leftOutLines = new HashSet<int>();
        foreach (PromptRecord record in RecordFile.Read(trainPath, TrainOptions, problems))
        {
            Drawing task = tasks[record.TaskDataset];
            UInt128 input = TextDigest.Of(record.Input);
            task.Given++;
            bool isInTest = testInputs.Contains(input), isRepeated = !isInTest && !seen.Add((input, TextDigest.Of(record.Target)));
            task.InTest += isInTest ? 1 : 0;
            task.Repeated += isRepeated ? 1 : 0;
            if (isInTest || isRepeated)
            {
                leftOutLines.Add(record.SourceLine);
                continue;
            }

            UInt128 rank = TextDigest.Of(string.Create(CultureInfo.InvariantCulture, $"{seed}\n{record.TaskDataset}\n{record.SampleId}"));
            task.Kept.Add(new Candidate(rank, input, record.SourceLine));
            inputs[input] = inputs.GetValueOrDefault(input) + 1;
        }

        if (!skipBad)
            problems.ThrowIfAny();
        RequireEnough(tasks, inputs);
        HashSet<int> devLines = [.. tasks.Values.SelectMany(task => task.Draw(inputs)).Select(candidate => candidate.Line)];
        TaskSplit[] splits = [.. tasks.Where(task => task.Value.Given + task.Value.Test > 0).Select(task => task.Value.Describe(task.Key))];
        return new RecordSplit(trainPath, leftOutLines, devLines, splits, problems);
    }

    /// <summary>Writes <c>train.jsonl</c> and <c>dev.jsonl</c>, both in the order of the file that is split.</summary>
    /// <param name="directory">Made when it is not there.</param>
    /// <exception cref="IOException">One of the files is there already, or cannot be written.</exception>
    public void Write(string directory)
    {
        string train = Path.Combine(directory, "train.jsonl"), dev = Path.Combine(directory, "dev.jsonl");
        foreach (string path in (string[])[train, dev])
        {
            if (File.Exists(path))
                throw new IOException($"{path} is there already; remove it or choose another directory.");
        }

        Directory.CreateDirectory(directory);
        using var trainWriter = new RecordWriter(train);
        using var devWriter = new RecordWriter(dev);
        foreach (PromptRecord record in RecordFile.Read(_trainPath, TrainOptions, new RecordProblems()))
        {
            if (_devLines.Contains(record.SourceLine))
                devWriter.Write(record);
            else if (!_leftOutLines.Contains(record.SourceLine))
                trainWriter.Write(record);
        }

        trainWriter.Complete();
        devWriter.Complete();
    }

    private static void RequireEnough(Dictionary<string, Drawing> tasks, Dictionary<UInt128, int> inputs)
    {
        string[] problems =
        [
            .. from task in tasks
               let drawable = task.Value.Drawable(inputs).Count()
               where task.Value.Test > 0 && (drawable < task.Value.Test || task.Value.Kept.Count == task.Value.Test)
               select $"\n{task.Key}: {task.Value.Test} in the test set; {task.Value.Given} given, {task.Value.Kept.Count} of them neither repeated nor in the test set, {drawable} with a prompt of their own.",
        ];
        if (problems.Length > 0)
            throw new RecordException("there are too few records to draw as many as the test set has and to leave some for training:" + string.Concat(problems));
    }

    // Rank: a digest that puts the candidates of a task into a random order.
    private readonly record struct Candidate(UInt128 Rank, UInt128 Input, int Line);

    private sealed class Drawing
    {
        public List<Candidate> Kept { get; } = [];

        public int Given { get; set; }

        public int InTest { get; set; }

        public int Repeated { get; set; }

        public int Test { get; set; }

        public IEnumerable<Candidate> Drawable(Dictionary<UInt128, int> inputs) => Kept.Where(candidate => inputs[candidate.Input] == 1);

        public IEnumerable<Candidate> Draw(Dictionary<UInt128, int> inputs) => Drawable(inputs).OrderBy(candidate => candidate.Rank).Take(Test);

        public TaskSplit Describe(string name) => new(name, Given, InTest, Repeated, Kept.Count - Test, Test, Test);
    }
}
