using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Everything wrong with one file, told in one exception.</summary>
/// <param name="file">Path of the file.</param>
internal sealed class ProblemList(string file)
{
    private const int Shown = 20;

    private readonly List<string> _problems = [];
    private int _count;

    /// <summary>Adds a problem.</summary>
    /// <param name="where">The field, such as <c>model.merges[3]</c>.</param>
    /// <param name="what">What is wrong with it.</param>
    public void Add(string where, string what)
    {
        if (_count++ < Shown)
            _problems.Add($"{where}: {what}");
    }

    /// <summary>Throws when there are problems.</summary>
    /// <exception cref="CheckpointException">Lists them.</exception>
    public void ThrowIfAny()
    {
        if (_count == 0)
            return;
        var more = _count > Shown ? $"{Environment.NewLine}  … and {_count - Shown} more" : "";
        throw new CheckpointException(
            $"{file} cannot be used:{string.Concat(_problems.Select(problem => $"{Environment.NewLine}  {problem}"))}{more}");
    }
}
