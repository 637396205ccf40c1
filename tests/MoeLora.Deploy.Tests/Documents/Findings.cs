namespace MoeLora.Deploy.Tests.Documents;

/// <summary>What a test found wrong in documents.</summary>
internal static class Findings
{
    /// <summary>Fails with all findings, each on a line of its own.</summary>
    public static void AssertNone(IEnumerable<string> findings)
    {
        string[] all = [.. findings];
        Assert.True(all.Length == 0, string.Join(Environment.NewLine, all));
    }
}
