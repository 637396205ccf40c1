namespace MoeLora.Tensors;

/// <summary>
/// The operations that training needs beside those of a step. Gradients are of a scalar loss; <b>every gradient that an operation gives is added
/// to what its tensor holds</b>, so that one tensor collects the gradients of all that read a value, and a caller that wants only one fills it with
/// zeros first. Weights that are read may have any dtype; activations, gradients and everything that is written are F32.
/// </summary>
/// <remarks>As for a step: shapes are checked, nothing is allocated once scratch memory has grown, and results do not depend on the number of threads.</remarks>
public abstract partial class Device
{
    // ---- dense layers: y = W · x + b for each row, with W [out, in] ----

    /// <summary>inputGradient += outputGradient · weight.</summary>
    /// <param name="outputGradient">[rows or more, out] F32.</param>
    /// <param name="weight">[out, in], any dtype.</param>
    /// <param name="inputGradient">[rows or more, in] F32.</param>
    /// <param name="rows">Rows to compute.</param>
    public abstract void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows);

    /// <summary>weightGradient += outputGradientᵀ · input, summed over the first <paramref name="rows"/> rows.</summary>
    /// <param name="outputGradient">[rows or more, out] F32.</param>
    /// <param name="input">[rows or more, in] F32.</param>
    /// <param name="weightGradient">[out, in] F32.</param>
    /// <param name="rows">Rows to sum over.</param>
    public abstract void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows);

    /// <summary>destination[0] += the sum of the first <paramref name="rows"/> rows: a bias's gradient. Destination [1, columns].</summary>
    public abstract void SumRows(Tensor source, Tensor destination, int rows);

    // ---- attention inside packed samples, without a cache ----

    /// <summary>
    /// softmax(scale · q · kᵀ) · v for samples packed one after the other: a row attends to rows of its own span only, see <see cref="SelfSpan"/>.
    /// Query head h reads key/value head h / (query heads / key heads). Rows in no span are not written.
    /// </summary>
    /// <param name="queries">[rows, …] F32.</param>
    /// <param name="keys">Fewer heads or as many as the queries.</param>
    /// <param name="values">As many heads as the keys.</param>
    /// <param name="spans">The samples; they do not overlap.</param>
    /// <param name="scale">Usually 1/√headDim.</param>
    /// <param name="output">[rows, heads · headDim], heads side by side.</param>
    /// <param name="logSums">[rows, heads]: log Σ exp of the row's scores by head, which the backward pass reads.</param>
    public abstract void SelfAttention(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums);

    /// <summary>The gradients of <see cref="SelfAttention"/>. Probabilities are computed again from <paramref name="logSums"/>; nothing of size rows² is kept.</summary>
    /// <param name="queries">As given to the forward pass, as are keys, values, spans and scale.</param>
    /// <param name="keys"></param>
    /// <param name="values"></param>
    /// <param name="spans"></param>
    /// <param name="scale"></param>
    /// <param name="output">What the forward pass wrote.</param>
    /// <param name="logSums">What the forward pass wrote.</param>
    /// <param name="outputGradient">Shaped as the output.</param>
    /// <param name="queryGradient">Shaped as the queries.</param>
    /// <param name="keyGradient">Shaped as the keys.</param>
    /// <param name="valueGradient">Shaped as the values.</param>
    public abstract void SelfAttentionBackward(
        HeadView queries,
        HeadView keys,
        HeadView values,
        ReadOnlySpan<SelfSpan> spans,
        float scale,
        Tensor output,
        Tensor logSums,
        Tensor outputGradient,
        HeadView queryGradient,
        HeadView keyGradient,
        HeadView valueGradient);

    // ---- norms, gates, softmax, loss ----

    /// <summary>The gradients of <see cref="RmsNorm"/>; <paramref name="input"/> is what it read.</summary>
    public abstract void RmsNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows);

    /// <summary>The gradients of <see cref="LayerNorm"/>; <paramref name="input"/> is what it read.</summary>
    public abstract void LayerNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows);

    /// <summary>The gradients of <see cref="SiluGate"/>; <paramref name="gate"/> and <paramref name="up"/> are what it read.</summary>
    public abstract void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows);

    /// <summary>The gradient of <see cref="Gelu"/>; <paramref name="input"/> is what it read.</summary>
    public abstract void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind);

    /// <summary>The gradient of <see cref="Softmax"/>; <paramref name="probabilities"/> is what it wrote.</summary>
    public abstract void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows);

    /// <summary>
    /// The cross-entropy −log softmax(logits)[target] of each row, summed; each row of <paramref name="logits"/> is overwritten with its gradient
    /// times <paramref name="gradientScale"/>, (softmax − one-hot) · gradientScale.
    /// </summary>
    /// <param name="logits">[rows or more, classes] F32.</param>
    /// <param name="targets">A class for each of the rows to compute.</param>
    /// <param name="gradientScale">Usually 1 / the number of targets of an optimizer step.</param>
    /// <returns>The unscaled sum in nats; NaN where a row holds one.</returns>
    public abstract double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale);

    // ---- element by element ----

    /// <summary>The first <paramref name="rows"/> rows = <paramref name="value"/>; padding stays zero.</summary>
    public abstract void Fill(Tensor tensor, float value, int rows);

    /// <summary>destination = source for the first <paramref name="rows"/> rows; both F32 of the same columns.</summary>
    public abstract void Copy(Tensor source, Tensor destination, int rows);

    /// <summary>destination += scale · source.</summary>
    public abstract void AddScaled(Tensor source, float scale, Tensor destination, int rows);

    /// <summary>output = beta · output + a ∘ b; beta 0 overwrites without reading. Output may be a or b.</summary>
    public abstract void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows);

    /// <summary>
    /// output = input ∘ mask / (1 − rate), where an element of the mask is 0 with probability <paramref name="rate"/> and depends on
    /// <paramref name="seed"/>, its row and its column only. The same call on a gradient is the backward pass. In place allowed.
    /// </summary>
    public abstract void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows);

    /// <summary>Row indices[i] of <paramref name="destination"/> += row i of <paramref name="source"/>, in order of i: backward of <see cref="Embed"/> and <see cref="GatherRows"/>.</summary>
    public abstract void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination);

    // ---- optimizer ----

    /// <summary>The sum of the squares of all elements, accumulated in double precision; NaN or infinite where an element is.</summary>
    public abstract double SumOfSquares(Tensor tensor);

    /// <summary>One step of AdamW (arXiv 1711.05101) on all elements; the gradient is read, multiplied by <see cref="AdamWStep.GradientScale"/>.</summary>
    /// <param name="parameter">F32.</param>
    /// <param name="gradient">Shaped as the parameter.</param>
    /// <param name="mean">First moment, shaped as the parameter.</param>
    /// <param name="meanSquare">Second moment, shaped as the parameter.</param>
    /// <param name="step">Constants of this step.</param>
    public abstract void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step);
}

/// <summary>The rows of one sample in a packed matrix. Row i of the span attends to its rows 0 … max(i, VisiblePrefix − 1).</summary>
/// <param name="FirstRow">Its first row.</param>
/// <param name="RowCount">How many rows follow each other.</param>
/// <param name="VisiblePrefix">Rows [0, VisiblePrefix) are seen by every row of the span; 0 is plain causal attention. At most RowCount.</param>
public readonly record struct SelfSpan(int FirstRow, int RowCount, int VisiblePrefix = 0);

/// <summary>
/// The constants of one AdamW step t ≥ 1: with g the scaled gradient, m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
/// θ ← θ − LearningRate · (m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + WeightDecay · θ).
/// </summary>
/// <param name="Step">t, from 1.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">Decoupled decay.</param>
/// <param name="GradientScale">What the gradient is multiplied by, such as a clipping factor.</param>
public readonly record struct AdamWStep(
    long Step, float LearningRate, float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f, float WeightDecay = 0, float GradientScale = 1);
