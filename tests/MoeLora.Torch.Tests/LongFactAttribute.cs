namespace MoeLora.Torch.Tests;

/// <summary>A test that takes minutes: skipped unless MOELORA_LONG is 1.</summary>
internal sealed class LongFactAttribute : FactAttribute
{
    public LongFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("MOELORA_LONG") != "1")
            Skip = "It builds the program and takes minutes; tests/run.sh --long runs it.";
    }
}
