using MoeLora.Grid.Hosting;
using WardService;

// A hospital's own service: it calls the grid's task grains itself, without HTTP between. Silos may be killed, restarted and upgraded meanwhile.
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddMoeLoraGrid(new GridClientOptions
{
    Cluster = builder.Configuration["cluster"] ?? "moelora",
    Service = builder.Configuration["service"] ?? "moelora",
    Database = builder.Configuration["database"] ?? throw new InvalidOperationException("Say where the cluster's members are: --database FILE or a PostgreSQL connection string."),
});
builder.Services.AddSingleton<Desk>();
WebApplication app = builder.Build();

app.MapPost("/triage", async (Patient patient, Desk desk, CancellationToken cancellation) => Answer(await desk.TriageAsync(patient.Text, cancellation)));
app.MapPost("/draft", async (Patient patient, Desk desk, CancellationToken cancellation) => Answer(await desk.DraftAsync(patient.Text, cancellation)));

app.MapPost("/report", async (Patient patient, Desk desk, HttpContext http) =>
{
    if (await desk.ReportAsync(patient.Text, http.RequestAborted) is not { } report)
    {
        http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return;
    }

    http.Response.ContentType = "text/plain; charset=utf-8";
    (http.Response.Headers["X-Adapter-Version"], http.Response.Headers["X-Silo"]) = (report.Version, report.Silo);
    try
    {
        await foreach (string text in report.Text)
        {
            await http.Response.WriteAsync(text, http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }
    catch (ReportBrokeOffException)
    {
        http.Abort(); // the reader must not take it for a whole report
    }
});

app.Run();

static IResult Answer<T>(T? answer)
    where T : class => answer is not null
    ? Results.Ok(answer)
    : Results.Problem("The grid does not answer now; see the service's log.", statusCode: StatusCodes.Status503ServiceUnavailable);

namespace WardService
{
    /// <summary>What a patient said, or a dialogue.</summary>
    internal sealed record Patient(string Text);
}
