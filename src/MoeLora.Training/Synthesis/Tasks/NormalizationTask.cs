namespace MoeLora.Training.Synthesis.Tasks;

/// <summary>CHIP-CDN: the standard terms, among those offered, of one or two diseases as people call them.</summary>
internal sealed class NormalizationTask : ISyntheticTask
{
    private const double TwoDiseases = 0.3;
    private const double AlreadyStandard = 0.15;
    private const int Offered = 4;

    /// <inheritdoc/>
    public string Name => "CHIP-CDN";

    /// <inheritdoc/>
    public SyntheticSample Compose(Scene scene, bool bare)
    {
        List<MedicalTerm> diseases = [scene.Disease];
        bool two = scene.Draws.Chance(TwoDiseases);
        if (two)
            diseases.Add(scene.Draw(TermKind.Disease));
        string[] said = [.. diseases.Select(disease => scene.Draws.Chance(AlreadyStandard) ? scene.Name(disease) : scene.Said(disease))];
        string body = two
            ? scene.Say("normalize two", ("said", said[0]), ("said2", said[1]))
            : scene.Say("normalize", ("said", said[0]), ("n", scene.Number(2, 14)));
        string[] terms = [.. diseases.Select(scene.Name)];
        while (diseases.Count < Offered)
            diseases.Add(scene.Draw(TermKind.Disease));
        List<string> offered = scene.Draws.Sample(diseases.Select(scene.Name), Offered);
        return new SyntheticSample(body, offered, string.Join('，', terms), offered) { AlwaysShowsOptions = true };
    }
}
