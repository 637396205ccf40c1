using System.Globalization;
using MoeLora.Training.Records;

namespace MoeLora.Training.Tests.Records;

public sealed class RecordSplitTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("moelora-split-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Plan_DrawsOfEachTask_AsManyAsTheTestSetHas()
    {
        RecordSplit split = Split([.. Records("MedDG", 20), .. Records("KUAKE-QIC", 10)], [.. Records("MedDG", 5, "test"), .. Records("KUAKE-QIC", 2, "test")]);

        Assert.Equal([new TaskSplit("KUAKE-QIC", 10, 0, 0, 8, 2, 2), new TaskSplit("MedDG", 20, 0, 0, 15, 5, 5)], split.Tasks);
    }

    [Fact]
    public void Write_TogetherHasEveryRecord_InTheOrderOfTheFile()
    {
        (string[] train, string[] dev) = SplitAndRead([.. Records("MedDG", 20)], [.. Records("MedDG", 5, "test")]);

        Assert.Equal((15, 5), (train.Length, dev.Length));
        Assert.Equal(Enumerable.Range(0, 20), train.Concat(dev).Select(Number).Order());
        Assert.Equal(train.OrderBy(Number), train);
        Assert.Equal(dev.OrderBy(Number), dev);
    }

    [Fact]
    public void Write_RepeatsAndPromptsOfTheTestSet_AreInNeither()
    {
        PromptRecord[] records = [.. Records("MedDG", 10)];
        PromptRecord[] test = [.. Records("MedDG", 1, "test"), records[4] with { SampleId = "t", Target = "" }];

        RecordSplit split = Split([.. records, records[3] with { SampleId = "repeat" }, records[5]], test);
        (string[] train, string[] dev) = ReadBack(split);

        Assert.Equal(new TaskSplit("MedDG", 12, InTest: 1, Repeated: 2, Train: 7, Dev: 2, Test: 2), Assert.Single(split.Tasks));
        Assert.DoesNotContain("repeat", train.Concat(dev));
        Assert.DoesNotContain(records[4].SampleId, train.Concat(dev));
        Assert.Single(train.Concat(dev), records[5].SampleId);
    }

    [Fact]
    public void Write_PromptWithSeveralAnswers_StaysInTraining()
    {
        PromptRecord[] shared = [.. Records("MedDG", 30).Select(record => record with { Input = "同一个问题" })];

        (_, string[] dev) = SplitAndRead([.. shared, .. Records("MedDG", 6, "own")], [.. Records("MedDG", 5, "test")]);

        Assert.All(dev, id => Assert.StartsWith("own", id));
    }

    [Fact]
    public void Plan_SameSeed_IsTheSameInAnyOrder()
    {
        PromptRecord[] records = [.. Records("MedDG", 40)], test = [.. Records("MedDG", 10, "test")];

        Assert.Equal(SplitAndRead(records, test).Dev.Order(StringComparer.Ordinal), SplitAndRead([.. records.Reverse()], test).Dev.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Plan_OtherSeed_DrawsOthers()
    {
        PromptRecord[] records = [.. Records("MedDG", 40)], test = [.. Records("MedDG", 10, "test")];

        Assert.NotEqual(SplitAndRead(records, test, seed: 1).Dev, SplitAndRead(records, test, seed: 2).Dev);
    }

    [Fact]
    public void Plan_TooFewRecords_ListsEveryTask()
    {
        string message = Assert.Throws<RecordException>(() => Split([.. Records("MedDG", 5)], [.. Records("MedDG", 5, "test"), .. Records("KUAKE-QIC", 1, "test")])).Message;

        Assert.Contains("KUAKE-QIC: 1 in the test set; 0 given", message);
        Assert.Contains("MedDG: 5 in the test set; 5 given", message);
    }

    [Fact]
    public void Plan_BadLine_IsRefusedUnlessSkipped()
    {
        string train = Save("train.jsonl", [.. Records("MedDG", 10)]), test = Save("test.jsonl", [.. Records("MedDG", 2, "test")]);
        File.AppendAllText(train, "{\n");

        Assert.Contains("train.jsonl:11: ", Assert.Throws<RecordException>(() => RecordSplit.Plan(train, test, 0)).Message);
        Assert.Equal(1, RecordSplit.Plan(train, test, 0, skipBad: true).Problems.BadLines);
    }

    [Fact]
    public void Write_WhereOneIsAlready_Refuses()
    {
        RecordSplit split = Split([.. Records("MedDG", 10)], [.. Records("MedDG", 2, "test")]);
        split.Write(_directory + "/out");

        Assert.Throws<IOException>(() => split.Write(_directory + "/out"));
    }

    private static IEnumerable<PromptRecord> Records(string task, int count, string name = "train") => Enumerable.Range(0, count).Select(i => new PromptRecord
    {
        Input = $"{name} {task} {i}",
        Target = $"answer {i}",
        AnswerChoices = null,
        TaskType = "x",
        TaskDataset = task,
        SampleId = $"{name}-{i}",
    });

    private static int Number(string id) => int.Parse(id.Split('-')[^1], CultureInfo.InvariantCulture);

    private string Save(string name, PromptRecord[] records)
    {
        string path = Path.Combine(_directory, name);
        RecordFile.Write(path, records);
        return path;
    }

    private RecordSplit Split(PromptRecord[] train, PromptRecord[] test, int seed = 0) =>
        RecordSplit.Plan(Save("train.jsonl", train), Save("test.jsonl", test), seed);

    private (string[] Train, string[] Dev) SplitAndRead(PromptRecord[] train, PromptRecord[] test, int seed = 0) => ReadBack(Split(train, test, seed));

    private (string[] Train, string[] Dev) ReadBack(RecordSplit split)
    {
        string directory = Directory.CreateDirectory(Path.Combine(_directory, Guid.NewGuid().ToString())).FullName;
        split.Write(directory);
        return (Ids("train.jsonl"), Ids("dev.jsonl"));

        string[] Ids(string file) => [.. RecordFile.ReadAll(Path.Combine(directory, file)).Select(record => record.SampleId)];
    }
}
