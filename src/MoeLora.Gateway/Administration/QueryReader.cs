using System.Globalization;
using Microsoft.AspNetCore.Http;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Administration;

/// <summary>Reads an address's query, as strictly as a body.</summary>
internal sealed class QueryReader
{
    private readonly IQueryCollection _query;
    private readonly ParameterReader _reader = new();

    /// <param name="query">The query.</param>
    /// <param name="known">All names that it may hold.</param>
    public QueryReader(IQueryCollection query, params ReadOnlySpan<string> known)
    {
        _query = query;
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in query)
        {
            if (!known.Contains(name))
                _reader.RefuseUnknown(name);
            else if (values.Count > 1)
                _reader.Refuse(name, "invalid_value", "is given more than once");
        }
    }

    /// <summary>All problems so far as one; null when there is none.</summary>
    public ApiError? Problem => _reader.Problems.Count > 0 ? ApiError.Combine(_reader.Problems) : null;

    public string? Text(string name) => _query.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues values) && values.Count == 1 ? values[0] : null;

    public int? Integer(string name, int least, int most) => (int?)Long(name, least, most);

    public long? Long(string name, long least, long most)
    {
        if (Text(name) is not { } text)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least && number <= most)
            return number;
        Refuse(name, $"must be between {least} and {most}");
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
            return time;
        Refuse(name, "must be a time in ISO 8601, such as 2026-11-22T00:00:00Z");
        return null;
    }

    public void Refuse(string name, string problem) => _reader.Refuse(name, "invalid_value", problem);
}
