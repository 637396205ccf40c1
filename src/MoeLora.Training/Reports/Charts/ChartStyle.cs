namespace MoeLora.Training.Reports.Charts;

/// <summary>The style of all charts, in light and dark.</summary>
internal static class ChartStyle
{
    /// <summary>Colours of series; with more series than colours, marks and dashes still tell them apart.</summary>
    public const int Colours = 8;

    public const string Css = """
        .chart{--paper:#fff;--ink:#1d1d1f;--soft:#5b5f66;--rule:#e3e4e8;--c0:#0b5cad;--c1:#c2410c;--c2:#18794e;--c3:#7e3aa8;--c4:#a16207;--c5:#be185d;--c6:#0e7490;--c7:#57534e;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif;font-size:13px}
        @media (prefers-color-scheme:dark){.chart{--paper:#16181c;--ink:#e8e8ea;--soft:#a3a7af;--rule:#33363d;--c0:#6cb2f7;--c1:#fb923c;--c2:#5fcf97;--c3:#cf9bf0;--c4:#e5b53c;--c5:#f58ab4;--c6:#5cc9dd;--c7:#b9b3ad}}
        .chart .paper{fill:var(--paper)}.chart text{fill:var(--ink)}.chart .name{font-size:15px;font-weight:600}.chart .soft{fill:var(--soft)}
        .chart .rule{stroke:var(--rule);stroke-width:1}.chart .axis{stroke:var(--soft);stroke-width:1}
        .chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.chart .faint{stroke-width:1;opacity:.35}.chart .key{stroke-width:3}.chart .bar{stroke-width:1.5}
        .chart .mark{fill:var(--paper);stroke-width:2}.chart .end{text-anchor:end}.chart .mid{text-anchor:middle}
        .chart .s0{stroke:var(--c0)}.chart .s1{stroke:var(--c1)}.chart .s2{stroke:var(--c2)}.chart .s3{stroke:var(--c3)}.chart .s4{stroke:var(--c4)}.chart .s5{stroke:var(--c5)}.chart .s6{stroke:var(--c6)}.chart .s7{stroke:var(--c7)}
        .chart .cell{fill:var(--c0)}.chart text.strong{fill:var(--paper)}
        @media (prefers-color-scheme:dark){.chart text.middle{fill:var(--paper)}}
        """;
}
