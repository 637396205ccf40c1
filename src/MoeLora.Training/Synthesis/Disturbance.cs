namespace MoeLora.Training.Synthesis;

/// <summary>Disturbs what people write without touching a fact.</summary>
internal static class Disturbance
{
    /// <summary>A filler before the text or stray characters behind it, or its first comma lost.</summary>
    public static string Apply(string body, Scene scene)
    {
        string comma = scene.Word("comma"), speaker = scene.Word("patient");
        int place = body.IndexOf(comma, StringComparison.Ordinal);
        int kind = scene.Draws.Below(place < 0 ? 2 : 3);
        if (kind == 0)
            return body.Insert(body.StartsWith(speaker, StringComparison.Ordinal) ? speaker.Length : 0, scene.Say("filler before"));
        return kind == 1
            ? body + scene.Say("filler after")
            : string.Concat(body.AsSpan(0, place), " ", body.AsSpan(place + comma.Length));
    }
}
