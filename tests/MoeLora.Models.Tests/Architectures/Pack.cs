using System.Text.Json;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tests.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>A reference pack: prompts, and what another implementation computed for them.</summary>
internal static class Pack
{
    /// <summary>The collection of all tests that use <see cref="Device"/>: one after the other, as a device is driven by one thread.</summary>
    public const string DeviceUsers = "device users";

    private static readonly ReferenceDevice Reference = new();
    private static readonly CpuDevice Cpu = new(2);

    /// <summary>Every pack on every device, as arguments of a theory.</summary>
    public static TheoryData<string, string> OnEveryDevice => new()
    {
        { "chatglm-tiny", "reference" },
        { "chatglm-tiny", "cpu" },
        { "llama-tiny", "reference" },
        { "llama-tiny", "cpu" },
        { "qwen2-tiny", "reference" },
        { "qwen2-tiny", "cpu" },
    };

    public static string Directory(string pack) => TestFiles.Path(pack);

    public static int[][] Prompts(string pack)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Path(pack, "expected.json")));
        return expected.RootElement.GetProperty("prompts").Deserialize<int[][]>()!;
    }

    /// <summary>Logits of a prompt without an adapter, [tokens, vocabulary].</summary>
    public static unsafe float[][] BaseLogits(string pack, int prompt)
    {
        using Checkpoint expected = Checkpoint.Open(TestFiles.Path(pack, "expected.safetensors"));
        TensorView view = expected.View($"base.logits.{prompt}");
        var rows = new float[view.Rows][];
        for (int row = 0; row < view.Rows; row++)
            rows[row] = new Span<float>(view.Slice(row, 1).Data, view.Columns).ToArray();
        return rows;
    }

    /// <summary>One device of each kind for all tests: pools of pinned threads beside each other would only wait for each other.</summary>
    public static Device Device(string name) => name switch
    {
        "reference" => Reference,
        "cpu" => Cpu,
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };
}
