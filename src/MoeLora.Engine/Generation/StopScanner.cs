namespace MoeLora.Engine.Generation;

/// <summary>
/// Looks for stop strings in text that arrives in pieces. Text that may be the beginning of one is held back until that is decided. Where
/// the pieces are cut makes no difference: the answer ends before the stop string that is complete first, of several complete at once the longest.
/// </summary>
public sealed class StopScanner
{
    private readonly IReadOnlyList<string> _stops;
    private string _held = "";

    /// <summary>Creates a scanner for any number of stop strings, none of them empty.</summary>
    public StopScanner(IReadOnlyList<string> stops)
    {
        if (stops.Any(string.IsNullOrEmpty))
            throw new ArgumentException("A stop string is empty.", nameof(stops));
        _stops = stops;
    }

    /// <summary>Whether a stop string was found; nothing more will be emitted.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Takes a piece of text and returns what is decided to be part of the answer.</summary>
    public string Append(string piece)
    {
        if (Stopped)
            return "";
        if (_stops.Count == 0 || piece.Length == 0)
            return piece;

        string text = _held + piece;
        if (FindStop(text) is { } start)
        {
            Stopped = true;
            _held = "";
            return text[..start];
        }

        int held = LongestBeginning(text);
        _held = text[^held..];
        return text[..^held];
    }

    /// <summary>Returns what was held back, when no more text will come.</summary>
    public string Finish()
    {
        string rest = _held;
        _held = "";
        return rest;
    }

    /// <summary>Where the first complete stop string begins.</summary>
    private int? FindStop(string text)
    {
        (int Start, int End)? first = null;
        foreach (string stop in _stops)
        {
            int start = text.IndexOf(stop, StringComparison.Ordinal);
            int end = start + stop.Length;
            if (start >= 0 && (first is not { } other || end < other.End || (end == other.End && start < other.Start)))
                first = (start, end);
        }

        return first?.Start;
    }

    /// <summary>Length of the longest end of the text that is the beginning of a stop string.</summary>
    private int LongestBeginning(string text)
    {
        int longest = 0;
        foreach (string stop in _stops)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                    longest = length;
            }
        }

        return longest;
    }
}
