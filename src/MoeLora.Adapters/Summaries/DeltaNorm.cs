using MoeLora.Adapters.Experts;

namespace MoeLora.Adapters.Summaries;

/// <summary>
/// The Frobenius norm of a module's delta s · B · diag(g) · A without forming it: its square is s² · Σ_ij (A·Aᵀ)_ij · g_j · (Bᵀ·B)_ji · g_i,
/// because ‖M‖² = tr(Mᵀ·M). Costs r² · (in + out), in double precision.
/// </summary>
internal sealed class DeltaNorm
{
    private readonly double[] _product; // [r, r]: (A·Aᵀ) ∘ (Bᵀ·B)
    private readonly int _rank;

    public DeltaNorm(AdaptedModule module)
    {
        _rank = module.Rank;
        _product = new double[_rank * _rank];
        double[] b = new double[_rank * _rank];
        for (int row = 0; row < module.Module.OutFeatures; row++)
        {
            ReadOnlySpan<float> values = module.B.Slice(row * _rank, _rank);
            for (int i = 0; i < _rank; i++)
            {
                for (int j = 0; j <= i; j++)
                    b[i * _rank + j] += (double)values[i] * values[j];
            }
        }

        int columns = module.Module.InFeatures;
        for (int i = 0; i < _rank; i++)
        {
            ReadOnlySpan<float> x = module.A.Slice(i * columns, columns);
            for (int j = 0; j <= i; j++)
            {
                ReadOnlySpan<float> y = module.A.Slice(j * columns, columns);
                double dot = 0;
                for (int k = 0; k < columns; k++)
                    dot += (double)x[k] * y[k];
                _product[i * _rank + j] = _product[j * _rank + i] = dot * b[i * _rank + j];
            }
        }
    }

    /// <summary>The norm for r gate values that include the scaling.</summary>
    public double For(ReadOnlySpan<float> gate)
    {
        double square = 0;
        for (int i = 0; i < _rank; i++)
        {
            for (int j = 0; j < _rank; j++)
                square += _product[i * _rank + j] * gate[i] * gate[j];
        }

        return Math.Sqrt(Math.Max(0, square)); // rounding may leave a tiny negative
    }
}
