using System.Diagnostics;

namespace MoeLora.SentencePiece.Tests;

/// <summary>A test in long form against SentencePiece itself, which Debian's package python3-sentencepiece brings; skipped with a word about what is missing.</summary>
internal sealed class PeerFactAttribute : FactAttribute
{
    /// <summary>The interpreter that Debian's packages are for.</summary>
    public const string Python = "/usr/bin/python3";

    public PeerFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("MOELORA_LONG") != "1")
            Skip = "Only in the long form: MOELORA_LONG=1.";
        else if (!HasPeer())
            Skip = $"Needs SentencePiece itself for {Python}; on Debian: apt-get install python3-sentencepiece.";
    }

    private static bool HasPeer()
    {
        if (!File.Exists(Python))
            return false;
        using var process = Process.Start(new ProcessStartInfo(Python, ["-c", "import sentencepiece"]) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
