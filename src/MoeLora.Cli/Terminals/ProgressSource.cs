using MoeLora.Training.Reports;

namespace MoeLora.Cli.Terminals;

/// <summary>What a command is busy with, told by the thread that does it and read by the one that shows it.</summary>
internal sealed class ProgressSource : IProgress<TrainingProgress>
{
    private volatile Stage? _stage;

    /// <summary>The present stage; null between stages.</summary>
    public Stage? Current => _stage;

    /// <summary>Begins a stage, such as <c>Loading qwen2</c>; ends the one before.</summary>
    public void Begin(string what) => _stage = new Stage(what);

    /// <summary>How much of the stage is done, 0 to 1.</summary>
    public void Report(double fraction) => _stage?.Report(fraction);

    /// <summary>How far the training is that the stage is about; the first report comes with its beginning.</summary>
    public void Report(TrainingProgress value) => _stage?.Report(value);

    /// <summary>Ends the stage.</summary>
    public void End() => _stage = null;

    /// <summary>A part of the work that may take long.</summary>
    internal sealed class Stage(string what)
    {
        private double _fraction;
        private volatile TrainingProgress? _training;

        public string What { get; } = what;

        public double Fraction => Volatile.Read(ref _fraction);

        /// <summary>How far a training is; null in stages that are none.</summary>
        public TrainingProgress? Training => _training;

        public void Report(double fraction) => Volatile.Write(ref _fraction, fraction);

        public void Report(TrainingProgress training)
        {
            _training = training;
            Report(training.Fraction);
        }
    }
}
