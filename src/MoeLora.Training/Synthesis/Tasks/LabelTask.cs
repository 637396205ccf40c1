namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>
/// KUAKE-QIC and CHIP-CTC: one label for a short text. The texts of the key <c>topic</c> are in both, with a label of each task's own.
/// </summary>
/// <param name="name">The task's name.</param>
/// <param name="key">The key of the task's own phrases.</param>
/// <param name="topicLabel">Which of a topic's labels is this task's.</param>
internal sealed class LabelTask(string name, string key, int topicLabel) : ISyntheticTask
{
    private const double Topics = 0.25;
    private const double TopicsWhenBare = 0.5;
    private const int FewestOffered = 4;
    private const int MostOffered = 6;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        bool topic = scene.Draws.Chance(bare ? TopicsWhenBare : Topics);
        LabelledPhrase phrase = scene.Choose(topic ? "topic" : key);
        string label = phrase.Labels[topic ? topicLabel : 0];
        string[] all = [.. scene.Phrases[key].Select(other => other.Labels[0]).Distinct()];
        string body = scene.FillFreely(phrase.Phrase);
        if (bare)
            return new SyntheticSample(body, all, label, all);
        int count = FewestOffered + scene.Draws.Below(MostOffered - FewestOffered + 1);
        List<string> offered = [label, .. scene.Draws.Sample(all.Where(other => other != label), count - 1)];
        offered = scene.Draws.Sample(offered, count);
        return new SyntheticSample(body, offered, label, offered);
    }
}
