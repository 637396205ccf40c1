namespace MoeLora.Grid.Tests.Storms;

/// <summary>A measurement that needs its time, and a machine with nothing else to do: skipped unless MOELORA_LONG is 1.</summary>
internal sealed class LongFactAttribute : FactAttribute
{
    public LongFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("MOELORA_LONG") != "1")
            Skip = "It measures for a minute and more; tests/run.sh --long runs it.";
    }
}
