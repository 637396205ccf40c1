namespace MoeLora.Models.Configs;

/// <summary>
/// Reads the rotary settings in both spellings: <c>rope_theta</c> with <c>rope_scaling</c>, and the newer <c>rope_parameters</c> that holds both.
/// </summary>
internal static class RopeReader
{
    private const double DefaultTheta = 10_000;
    private const double MaxTheta = 1e12;

    public static (double Theta, Llama3RopeScaling? Scaling) Read(ConfigFields fields, string file)
    {
        double theta = fields.Number("rope_theta", 1, MaxTheta, DefaultTheta);
        ConfigFields? scaling = fields.Object("rope_scaling", file);
        if (fields.Object("rope_parameters", file) is not { } parameters)
            return (theta, scaling is null ? null : ReadScaling(scaling));

        double nested = parameters.Number("rope_theta", 1, MaxTheta, theta);
        if (fields.Has("rope_theta") && nested != theta)
            fields.Problems.Add($"'rope_theta' is {theta:R} but 'rope_parameters.rope_theta' is {nested:R}; keep one.");
        if (scaling is not null)
            fields.Problems.Add("both 'rope_scaling' and 'rope_parameters' are given; keep one.");
        return (nested, ReadScaling(parameters));
    }

    private static Llama3RopeScaling? ReadScaling(ConfigFields fields)
    {
        string? newer = fields.Text("rope_type");
        string? older = fields.Text("type");
        if (newer is not null && older is not null && newer != older)
            fields.Problems.Add($"the rotary scaling is named '{newer}' by 'rope_type' and '{older}' by 'type'; keep one.");
        switch (newer ?? older)
        {
            case null or "default":
                fields.RefuseRest("default rotary positions");
                return null;
            case "llama3":
                var scaling = new Llama3RopeScaling(
                    fields.Number("factor", 0, 1e6),
                    fields.Number("low_freq_factor", 0, 1e6),
                    fields.Number("high_freq_factor", 0, 1e6),
                    fields.Int("original_max_position_embeddings", 1, ConfigLimits.Positions));
                if (scaling.HighFrequencyFactor <= scaling.LowFrequencyFactor)
                    fields.Problems.Add($"'high_freq_factor' {scaling.HighFrequencyFactor:R} must be over 'low_freq_factor' {scaling.LowFrequencyFactor:R}.");
                fields.RefuseRest("llama3 rotary scaling");
                return scaling;
            case var other:
                fields.Problems.Add($"the rotary scaling '{other}' is not supported; supported are default and llama3.");
                return null;
        }
    }
}
