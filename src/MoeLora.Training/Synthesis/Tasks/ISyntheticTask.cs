namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>Makes the samples of one task. What is in the input determines the answer.</summary>
internal interface ISyntheticTask
{
    /// <summary>The task's name in PromptCBLUE.</summary>
    string Name { get; }

    /// <summary>One sample.</summary>
    /// <param name="scene">What it is about.</param>
    /// <param name="bare">Whether the prompt will be left out, so that nothing but the body says what is asked.</param>
    SyntheticSample Compose(Scene scene, bool bare);
}
