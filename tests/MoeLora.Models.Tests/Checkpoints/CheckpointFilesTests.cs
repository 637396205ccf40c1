using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class CheckpointFilesTests
{
    [Fact]
    public void Open_DirectoryWithoutWeights_ListsWhatWasLookedFor()
    {
        using var directory = new TempDirectory();

        string message = Assert.Throws<CheckpointException>(() => Checkpoint.Open(directory.Path)).Message;

        Assert.Contains("model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json", message);
    }

    [Fact]
    public void OpenAdapter_DirectoryWithoutWeights_ListsWhatWasLookedFor()
    {
        using var directory = new TempDirectory();

        string message = Assert.Throws<CheckpointException>(() => Checkpoint.OpenAdapter(directory.Path)).Message;

        Assert.Contains("adapter_model.safetensors, adapter_model.bin", message);
    }

    [Fact]
    public void Open_PathThatIsNotThere_SaysSo()
    {
        using var directory = new TempDirectory();

        Assert.Contains("no such file or directory", Assert.Throws<CheckpointException>(() => Checkpoint.Open(directory.File("nowhere"))).Message);
    }

    [Fact]
    public void Open_FileOfAnotherKind_SaysWhichKindsThereAre()
    {
        using var directory = new TempDirectory();

        Assert.Contains(".safetensors, .bin", Assert.Throws<CheckpointException>(() => Checkpoint.Open(directory.Write("weights.gguf", "GGUF"))).Message);
    }

    [Fact]
    public void Open_BothKindsInOneDirectory_TakesSafetensors()
    {
        using var directory = new TempDirectory();
        directory.Write("pytorch_model.bin", "not read");
        SafetensorsWriter.Write(directory.File("model.safetensors"), [new("a", [1], new float[] { 1 })]);

        using var checkpoint = Checkpoint.Open(directory.Path);

        Assert.Equal(directory.File("model.safetensors"), Assert.Single(checkpoint.Files));
    }
}
