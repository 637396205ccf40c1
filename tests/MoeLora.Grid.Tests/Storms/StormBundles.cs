using System.Text.Json;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Nodes;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>A prompt of each of the demo's tasks, versions of its bundle, and what every version answers: made once for all storms.</summary>
public sealed class StormBundles : IAsyncLifetime
{
    public const string Bank = "bank";
    public const int Tokens = 24;

    private readonly NodeBundles _bundles;
    private readonly Dictionary<(string Version, string Task), int[]> _golden = [];

    public StormBundles()
    {
        ITokenizer tokenizer = TokenizerReader.Read(DemoFiles.Base).Require();
        Cases =
        [
            .. File.ReadLines(DemoFiles.Records).Select(line => JsonDocument.Parse(line).RootElement)
                .GroupBy(record => record.GetProperty("task_dataset").GetString()!, record => record.GetProperty("input").GetString()!)
                .Select(task => (task.Key, tokenizer.Encode(task.First()).ToArray())),
        ];
        _bundles = new NodeBundles(DemoFiles.Base, DemoFiles.Bundle(2), task => Cases.First(each => each.Task == task.Name.ToString()).Prompt);
        Directories = [.. Enumerable.Range(1, Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 8 : 3).Select(v => _bundles.Make($"{v}", 1 - 0.06 * v, Bank))];
    }

    public (string Task, int[] Prompt)[] Cases { get; }

    /// <summary>The bundles of versions 1, 2, ….</summary>
    public string[] Directories { get; }

    /// <summary>What a version answers where nothing else happens.</summary>
    public int[] Golden(string version, string task) => _golden[(version, task)];

    public async Task InitializeAsync()
    {
        for (int v = 1; v <= Directories.Length; v++)
        {
            await using var alone = new LocalGrid(new LocalGridOptions { ModelDirectory = DemoFiles.Base, AdapterDirectory = Directories[v - 1], Threads = 1 });
            await alone.LoadAsync();
            foreach ((string task, int[] prompt) in Cases)
                _golden[($"{v}", task)] = [.. (await alone.AnswerAsync(Answers.Request(task, prompt, Tokens))).Ids];
        }
    }

    public Task DisposeAsync()
    {
        _bundles.Dispose();
        return Task.CompletedTask;
    }
}
