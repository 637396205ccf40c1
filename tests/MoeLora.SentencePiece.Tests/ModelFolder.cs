using System.Text.Json.Nodes;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;

namespace MoeLora.SentencePiece.Tests;

/// <summary>A folder with the files of a model that a tokenizer is read from.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("moelora-sp-");

    /// <param name="config">A pack of tests/data whose config.json the folder gets; null for none.</param>
    /// <param name="changes">Keys of config.json with other values, null for none.</param>
    public ModelFolder(string? config = null, params ReadOnlySpan<(string Key, JsonNode? Value)> changes)
    {
        if (config is null)
            return;
        JsonObject values = JsonNode.Parse(File.ReadAllText(TestModels.File(config, "config.json")))!.AsObject();
        foreach ((string key, JsonNode? value) in changes)
        {
            values.Remove(key);
            if (value is not null)
                values[key] = value;
        }

        Write("config.json", values.ToJsonString());
    }

    public string Path => _directory.FullName;

    /// <summary>A folder of Llama 2's kind with the BPE model of tests/data.</summary>
    public static ModelFolder Llama(params ReadOnlySpan<(string Key, JsonNode? Value)> changes)
    {
        var folder = new ModelFolder("llama-tiny", [("vocab_size", 3000), ("bos_token_id", 1), ("eos_token_id", 2), .. changes]);
        File.Copy(TestModels.File("tokenizers", "sp_bpe.model"), System.IO.Path.Combine(folder.Path, "tokenizer.model"));
        return folder;
    }

    public ModelFolder Write(string name, string content)
    {
        File.WriteAllText(System.IO.Path.Combine(Path, name), content);
        return this;
    }

    public ModelFolder Write(string name, byte[] content)
    {
        File.WriteAllBytes(System.IO.Path.Combine(Path, name), content);
        return this;
    }

    /// <summary>The tokenizer, or why there is none; null when the folder has none of the format.</summary>
    public TokenizerLoad? Read() => new SentencePieceFormat().Read(Path);

    /// <summary>Why the folder's files are refused.</summary>
    public string Refusal() => Assert.Throws<CheckpointException>(Read).Message;

    public void Dispose() => _directory.Delete(recursive: true);
}
