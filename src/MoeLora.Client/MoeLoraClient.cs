using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MoeLora.Client.Wire;
using MoeLora.Contracts;

namespace MoeLora.Client;

/// <summary>
/// A grid behind a gateway. Whose answers these are, says the key: <see cref="GenerationRequest.Tenant"/>, <see cref="GenerationRequest.Subject"/> and
/// <see cref="GenerationRequest.RequestId"/> stay here. Safe for any number of callers at once.
/// </summary>
public sealed class MoeLoraClient : IModelGrid
{
    private readonly HttpClient _http;
    private readonly MoeLoraClientOptions _options;
    private volatile GridStatus _status = new(GridPhase.Loading, "The gateway was not asked yet.");

    /// <param name="http">Sends; its base address is the gateway's unless the options name one, and its timeout should be infinite: answers stream. Not disposed of.</param>
    /// <param name="options">Address and key.</param>
    /// <exception cref="ArgumentException">Neither has an absolute address.</exception>
    public MoeLoraClient(HttpClient http, MoeLoraClientOptions? options = null)
    {
        _http = http;
        _options = options ?? new MoeLoraClientOptions();
        Uri? address = _options.Address ?? http.BaseAddress;
        if (address is not { IsAbsoluteUri: true })
            throw new ArgumentException("The gateway's address is missing: set it in the options, or as the HttpClient's base address.", nameof(options));
        Address = new Uri(address.AbsoluteUri.TrimEnd('/') + "/");
    }

    /// <summary>Where the gateway is.</summary>
    public Uri Address { get; }

    /// <summary>What the gateway last told; <see cref="RefreshStatusAsync"/> asks it.</summary>
    public GridStatus Status => _status;

    /// <summary>Asks whether requests are taken now.</summary>
    public async Task<GridStatus> RefreshStatusAsync(CancellationToken cancellation = default)
    {
        GridResult<HttpResponseMessage> result = await SendAsync(HttpMethod.Get, "readyz", null, cancellation);
        if (result.TryGet(out HttpResponseMessage? response, out GridError? error))
            response.Dispose();
        else
            Note(error);
        return _status;
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        (await GetAsync("v1/models", ClientJson.Default.WireModelList, cancellation)).TryGet(out WireModelList? list, out GridError? error)
            ? GridResult<IReadOnlyList<ModelDescription>>.Success([.. list.Data.Select(model => model.ToDescription())])
            : error;

    /// <inheritdoc/>
    public async ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        (await GetAsync($"v1/models/{Uri.EscapeDataString(model.Text)}", ClientJson.Default.WireModel, cancellation)).TryGet(out WireModel? found, out GridError? error)
            ? GridResult<ModelDescription>.Success(found.ToDescription())
            : error;

    /// <inheritdoc/>
    /// <remarks>Token ids come only where they were asked for; a connection that breaks ends the answer with <see cref="GridErrorKind.Unavailable"/>.</remarks>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (request.FindProblems() is { Count: > 0 } problems)
            return problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) };
        var content = new ByteArrayContent(RequestWriter.Write(request));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        string path = request.Prompt is ChatPrompt ? "v1/chat/completions" : "v1/completions";
        if (!(await SendAsync(HttpMethod.Post, path, content, cancellation)).TryGet(out HttpResponseMessage? response, out GridError? error))
            return error;

        // From here on the caller's cancellation closes the connection, whether it reads the events or not.
        CancellationTokenRegistration closing = cancellation.Register(static response => ((HttpResponseMessage)response!).Dispose(), response);
        return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(ReadAsync(response, closing, cancellation));
    }

    private static async IAsyncEnumerable<GenerationEvent> ReadAsync(
        HttpResponseMessage response, CancellationTokenRegistration closing, CancellationToken outer, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using CancellationTokenRegistration _ = closing;
        using HttpResponseMessage __ = response;
        using var any = CancellationTokenSource.CreateLinkedTokenSource(outer, cancellation);
        var answer = new AnswerReader();
        EventReader? events = null;
        while (true)
        {
            IReadOnlyList<GenerationEvent> items;
            try
            {
                events ??= new EventReader(await response.Content.ReadAsStreamAsync(any.Token));
                items = await events.NextAsync(any.Token) is { } data ? answer.Read(data) : [new GenerationFailed(AnswerReader.BrokeOff)];
            }
            catch (Exception e) when (any.IsCancellationRequested && e is not OperationCanceledException)
            {
                throw new OperationCanceledException(null, e, any.Token); // the connection was closed because of it
            }
            catch (Exception e) when (e is IOException or HttpRequestException or ObjectDisposedException)
            {
                items = [new GenerationFailed(AnswerReader.BrokeOff)];
            }
            catch (JsonException)
            {
                items = [new GenerationFailed(new GridError(GridErrorKind.Internal, "The gateway sent an event that is no answer: is the address a gateway's?"))];
            }

            foreach (GenerationEvent item in items)
            {
                yield return item;
                if (item is not TokenChunk)
                    yield break;
            }
        }
    }

    private async ValueTask<GridResult<T>> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        if (!(await SendAsync(HttpMethod.Get, path, null, cancellation)).TryGet(out HttpResponseMessage? response, out GridError? error))
            return error;
        using (response)
        {
            try
            {
                return GridResult<T>.Success(await response.Content.ReadFromJsonAsync(type, cancellation) ?? throw new JsonException());
            }
            catch (JsonException)
            {
                return new GridError(GridErrorKind.Internal, "The gateway's answer is not understood: is the address a gateway's?");
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                return AnswerReader.BrokeOff;
            }
        }
    }

    /// <returns>A response that says success, with its headers only; or why there is none.</returns>
    private async ValueTask<GridResult<HttpResponseMessage>> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path)) { Content = content };
        if (_options.ApiKey is { } key)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException e)
        {
            var error = new GridError(GridErrorKind.Unavailable, $"The gateway at {Address} cannot be reached: {e.Message}");
            Note(error);
            return error;
        }

        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new GridError(GridErrorKind.Unavailable, $"The gateway at {Address} did not begin to answer within the HttpClient's timeout.");
        }

        if (response.IsSuccessStatusCode)
        {
            _status = new GridStatus(GridPhase.Ready, "The gateway takes requests.");
            return GridResult<HttpResponseMessage>.Success(response);
        }

        using (response)
        {
            GridError error = await ErrorReader.ReadAsync(response, cancellation);
            Note(error);
            return error;
        }
    }

    private void Note(GridError error)
    {
        GridPhase? phase = error.Kind switch
        {
            GridErrorKind.NotReady or GridErrorKind.Unavailable => GridPhase.Loading,
            GridErrorKind.Stopping => GridPhase.Stopping,
            _ => null,
        };
        if (phase is { } known)
            _status = new GridStatus(known, error.Message);
    }
}
