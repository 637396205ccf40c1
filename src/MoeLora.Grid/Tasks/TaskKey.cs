using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace MoeLora.Grid.Tasks;

/// <summary>Which replica of which task: <c>bank/task/replica</c>. A bank's name holds no slash; a task's may.</summary>
/// <param name="Bank">The bank.</param>
/// <param name="Task">The task's name, or its id where it has none.</param>
/// <param name="Replica">From 0.</param>
public readonly record struct TaskKey(string Bank, string Task, int Replica)
{
    /// <summary>Reads a key.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out TaskKey? key)
    {
        int first = text.IndexOf('/', StringComparison.Ordinal), last = text.LastIndexOf('/');
        key = first > 0 && last > first + 1 && int.TryParse(text.AsSpan(last + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int replica)
            ? new TaskKey(text[..first], text[(first + 1)..last], replica)
            : null;
        return key is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Bank}/{Task}/{Replica}");
}
