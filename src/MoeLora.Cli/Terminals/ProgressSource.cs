namespace MoeLora.Cli.Terminals;

/// <summary>What a command is busy with, told by the thread that does it and read by the one that shows it.</summary>
internal sealed class ProgressSource
{
    private volatile Stage? _stage;

    /// <summary>The present stage; null between stages.</summary>
    public Stage? Current => _stage;

    /// <summary>Begins a stage, such as <c>Loading qwen2</c>; ends the one before.</summary>
    public void Begin(string what) => _stage = new Stage(what);

    /// <summary>How much of the stage is done, 0 to 1.</summary>
    public void Report(double fraction) => _stage?.Report(fraction);

    /// <summary>Ends the stage.</summary>
    public void End() => _stage = null;

    /// <summary>A part of the work that may take long.</summary>
    internal sealed class Stage(string what)
    {
        private double _fraction;

        public string What { get; } = what;

        public double Fraction => Volatile.Read(ref _fraction);

        public void Report(double fraction) => Volatile.Write(ref _fraction, fraction);
    }
}
