using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class SafetensorsCheckpointTests
{
    [Fact]
    public void View_VectorAndMatrix_ShowRowsAndColumns()
    {
        using var directory = new TempDirectory();
        SafetensorsWriter.Write(directory.File("t.safetensors"),
            [new("matrix", [2, 3], new float[] { 1, 2, 3, 4, 5, 6 }), new("vector", [2], new float[] { 7, 8 })]);

        using var checkpoint = Checkpoint.Open(directory.File("t.safetensors"));
        TensorView matrix = checkpoint.View("matrix");
        TensorView vector = checkpoint.View("vector");

        Assert.Equal((2, 3, 1, 2), (matrix.Rows, matrix.Columns, vector.Rows, vector.Columns));
        Assert.Equal([1, 2, 3, 4, 5, 6], matrix.Floats());
        Assert.Equal([7, 8], vector.Floats());
    }

    [Theory]
    [InlineData("I64", "[1]", 8, "I64")]
    [InlineData("BOOL", "[1,8]", 8, "BOOL")]
    [InlineData("F32", "[2,1,1]", 8, "[2, 1, 1]")]
    [InlineData("F64", "[]", 8, "F64")]
    public void View_OfWhatIsNotAMatrixOfWeights_SaysWhy(string dtype, string shape, int bytes, string expected)
    {
        using var directory = new TempDirectory();
        string path = directory.Write("t.safetensors", SafetensorsBytes.File($$$"""{"x":{"dtype":"{{{dtype}}}","shape":{{{shape}}},"data_offsets":[0,{{{bytes}}}]}}""", bytes));
        using var checkpoint = Checkpoint.Open(path);

        Assert.Contains("x", checkpoint.Tensors.Keys);
        string message = Assert.Throws<CheckpointException>(() => { checkpoint.View("x"); }).Message;

        Assert.Contains(expected, message);
        Assert.Contains(path, message);
        Assert.Contains("'x'", message);
    }

    [Fact]
    public void View_OfUnknownName_NamesItAndTheFile()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.Path("llama-tiny"));

        string message = Assert.Throws<CheckpointException>(() => { checkpoint.View("nowhere.weight"); }).Message;

        Assert.Contains("'nowhere.weight'", message);
        Assert.Contains("model.safetensors", message);
    }

    [Fact]
    public void Open_EmptyFile_IsRefused()
    {
        using var directory = new TempDirectory();

        Assert.Contains("empty", Assert.Throws<CheckpointException>(() => Checkpoint.Open(directory.Write("t.safetensors", ""))).Message);
    }

    [Theory]
    [InlineData("t.safetensors")]
    [InlineData("t.bin")]
    public void Open_GitLfsPointer_SaysHowToMendIt(string name)
    {
        using var directory = new TempDirectory();
        string path = directory.Write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 100\n");

        Assert.Contains("git lfs pull", Assert.Throws<CheckpointException>(() => Checkpoint.Open(path)).Message);
    }

    [Fact]
    public void Open_DamagedFile_ReleasesIt()
    {
        using var directory = new TempDirectory();
        string path = directory.Write("t.safetensors", SafetensorsBytes.File("{]", 0));

        Assert.Throws<CheckpointException>(() => Checkpoint.Open(path));

        using var exclusive = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.True(exclusive.CanWrite);
    }

    [Fact]
    public void Dispose_Twice_IsHarmless()
    {
        Checkpoint checkpoint = Checkpoint.Open(TestFiles.Path("llama-tiny"));

        checkpoint.Dispose();
        checkpoint.Dispose();
    }
}
