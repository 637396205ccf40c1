using System.Globalization;

namespace MoeLora.Cli.Verification;

/// <summary>One task id, or several that are composed by the mean of their embeddings. Equal when the ids are, in order.</summary>
internal readonly record struct TaskSet
{
    private readonly string _ids;

    private TaskSet(string ids) => _ids = ids;

    /// <summary>The ids.</summary>
    public int[] Ids => Array.ConvertAll(_ids.Split('_'), id => int.Parse(id, NumberStyles.None, CultureInfo.InvariantCulture));

    /// <summary>Whether there are several.</summary>
    public bool IsComposed => _ids.Contains('_');

    /// <summary>Reads ids with underscores between them.</summary>
    public static TaskSet Parse(string ids) => new(ids);

    public override string ToString() => _ids;
}
