namespace MoeLora.Tensors;

internal static partial class OperandChecks
{
    public static void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
    {
        Activations(outputGradient, rows, nameof(outputGradient));
        Require(outputGradient.Columns == weight.Rows, nameof(outputGradient), outputGradient.Columns, weight.Rows, "columns");
        Activations(inputGradient, rows, nameof(inputGradient));
        Require(inputGradient.Columns == weight.Columns, nameof(inputGradient), inputGradient.Columns, weight.Columns, "columns");
        Distinct(inputGradient, outputGradient, nameof(inputGradient), nameof(outputGradient));
        Distinct(inputGradient, weight, nameof(inputGradient), nameof(weight));
    }

    public static void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
    {
        Activations(outputGradient, rows, nameof(outputGradient));
        Activations(input, rows, nameof(input));
        Activations(weightGradient, outputGradient.Columns, nameof(weightGradient));
        Require(weightGradient.Rows == outputGradient.Columns, nameof(weightGradient), weightGradient.Rows, outputGradient.Columns, "rows");
        Require(weightGradient.Columns == input.Columns, nameof(weightGradient), weightGradient.Columns, input.Columns, "columns");
        Distinct(weightGradient, outputGradient, nameof(weightGradient), nameof(outputGradient));
        Distinct(weightGradient, input, nameof(weightGradient), nameof(input));
    }
}
