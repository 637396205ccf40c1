using System.Globalization;

namespace MoeLora.Adapters.Import;

/// <summary>What a tensor of an adapter is.</summary>
internal enum TensorRole
{
    ExpertA,
    ExpertB,
    Gate,
    TaskEmbedding,
}

/// <summary>A tensor's place in an adapter.</summary>
/// <param name="Module">The base model's module; empty for the top-level gate and task embedding.</param>
/// <param name="Role">What it is there.</param>
/// <param name="Expert">For A and B the expert, else 0.</param>
internal readonly record struct TensorPlace(string Module, TensorRole Role, int Expert);

/// <summary>The tensor names of the MOELoRA authors' format and of PEFT's LoRA, both ways.</summary>
internal static class TensorNames
{
    private const string Prefix = "base_model.model.";
    private const string Gate = "lora_gate.GateL.weight";
    private const string TaskEmbedding = "lora_task_embedding.weight";

    /// <summary>Reads a published name; null when it is not part of the format.</summary>
    public static TensorPlace? Parse(string name, AdapterKind kind)
    {
        string inner = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
        int cut = inner.StartsWith("lora_", StringComparison.Ordinal) ? 0 : inner.LastIndexOf(".lora_", StringComparison.Ordinal) + 1;
        if (cut == 0 && !inner.StartsWith("lora_", StringComparison.Ordinal))
            return null;
        string module = cut == 0 ? "" : inner[..(cut - 1)];
        string part = inner[cut..];
        if (kind == AdapterKind.Lora)
        {
            return (module, part) switch
            {
                ("", _) => null,
                (_, "lora_A.weight" or "lora_A.default.weight") => new TensorPlace(module, TensorRole.ExpertA, 0),
                (_, "lora_B.weight" or "lora_B.default.weight") => new TensorPlace(module, TensorRole.ExpertB, 0),
                _ => null,
            };
        }

        if (part == Gate)
            return new TensorPlace(module, TensorRole.Gate, 0);
        if (part == TaskEmbedding)
            return new TensorPlace(module, TensorRole.TaskEmbedding, 0);
        if (module.Length == 0)
            return null;
        if (Expert(part, "lora_A.loraA.") is { } a)
            return new TensorPlace(module, TensorRole.ExpertA, a);
        return Expert(part, "lora_B.loraB.") is { } b ? new TensorPlace(module, TensorRole.ExpertB, b) : null;
    }

    /// <summary>The one name under which a tensor is written.</summary>
    public static string Format(TensorPlace place, AdapterKind kind)
    {
        string module = place.Module.Length == 0 ? "" : Prefix + place.Module + ".";
        return place.Role switch
        {
            TensorRole.Gate => module + Gate,
            TensorRole.TaskEmbedding => module + TaskEmbedding,
            TensorRole.ExpertA when kind == AdapterKind.Lora => module + "lora_A.weight",
            TensorRole.ExpertB when kind == AdapterKind.Lora => module + "lora_B.weight",
            TensorRole.ExpertA => string.Create(CultureInfo.InvariantCulture, $"{module}lora_A.loraA.{place.Expert}.mlp.weight"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{module}lora_B.loraB.{place.Expert}.mlp.weight"),
        };
    }

    // "3.mlp.weight" and "3.weight" are two names of one tensor.
    private static int? Expert(string part, string start)
    {
        if (!part.StartsWith(start, StringComparison.Ordinal))
            return null;
        ReadOnlySpan<char> rest = part.AsSpan(start.Length);
        int dot = rest.IndexOf('.');
        if (dot < 1 || rest[dot..] is not (".mlp.weight" or ".weight"))
            return null;
        ReadOnlySpan<char> digits = rest[..dot];
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int expert) && (digits.Length == 1 || digits[0] != '0') ? expert : null;
    }
}
