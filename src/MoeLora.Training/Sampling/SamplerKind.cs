namespace MoeLora.Training.Sampling;

/// <summary>How a step's samples are drawn from the tasks.</summary>
public enum SamplerKind
{
    /// <summary>At random from all tasks mixed, in proportion to their sizes (the paper's choice): epochs over all samples, each in a new order.</summary>
    Mixed,

    /// <summary>Each step has samples of one task, chosen in proportion to the tasks' sizes.</summary>
    PerTask,

    /// <summary>Each sample's task is drawn with probability ∝ size^(1/T): T = 1 is proportional, larger T favours small tasks.</summary>
    Temperature,
}
