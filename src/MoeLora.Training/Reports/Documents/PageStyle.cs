namespace MoeLora.Training.Reports.Documents;

/// <summary>The style of HTML reports: readable on a phone, in light and dark, and on paper.</summary>
internal static class PageStyle
{
    public const string Css = """
        :root{color-scheme:light dark;--page:#fff;--ink:#1d1d1f;--soft:#5b5f66;--rule:#d9dbe0;--band:#f5f6f8}
        @media (prefers-color-scheme:dark){:root{--page:#16181c;--ink:#e8e8ea;--soft:#a3a7af;--rule:#33363d;--band:#1e2127}}
        *{box-sizing:border-box}
        body{margin:0 auto;max-width:76rem;padding:2rem 1rem 4rem;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif;overflow-wrap:anywhere}
        h1{font-size:1.7rem;line-height:1.25;margin:0 0 1.5rem}h2{font-size:1.2rem;margin:2.8rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--rule)}
        p{max-width:42rem;margin:.6rem 0}
        .box{overflow-x:auto;margin:1rem 0}.box:focus-visible{outline:2px solid var(--soft)}
        table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
        caption{caption-side:top;text-align:left;color:var(--soft);padding-bottom:.4rem}caption span{display:inline-block;position:sticky;left:0;max-width:min(42rem,calc(100vw - 2rem))}
        th,td{padding:.35rem .55rem;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--rule);white-space:nowrap}
        th{font-weight:500}thead th{font-weight:600;border-bottom:2px solid var(--rule)}
        tr>:first-child{text-align:left;position:sticky;left:0;background:var(--page);padding-left:0}
        .group th{color:var(--soft);font-weight:600;font-size:.8rem;padding-top:.9rem}
        .words td{text-align:left;white-space:normal}.words th{vertical-align:top}
        .spread{display:block;color:var(--soft);font-size:.78em;font-weight:400}
        td u{text-underline-offset:.2em}
        figure{margin:1.2rem 0}figcaption{color:var(--soft);font-size:.875rem;max-width:42rem}
        .chart{display:block;max-width:none}
        details{margin:1rem 0}summary{cursor:pointer;color:var(--soft)}
        @media print{.box{overflow:visible}body{max-width:none}}
        """;
}
