using MoeLora.Contracts;

namespace MoeLora.Grid.Requests;

/// <summary>What a caller has of the answers to a request, so that another silo can go on from there.</summary>
internal sealed class BegunAnswers(GenerationRequest request, NamedTask task)
{
    private readonly List<int>[] _tokens = [.. Enumerable.Range(0, request.Answers).Select(_ => new List<int>())];
    private readonly bool[] _whole = new bool[request.Answers];
    private readonly List<EarlierPart> _earlier = [];
    private Provenance? _made; // by whom they began
    private Provenance? _making; // by whom they go on
    private int _before; // tokens that it did not make

    /// <summary>Whether a silo has admitted the request.</summary>
    public bool HasBegun => _made is not null;

    /// <summary>Tokens that the caller has of all answers.</summary>
    public int Tokens => _tokens.Sum(tokens => tokens.Count);

    /// <summary>The request for what is missing: as it was asked before the answers began, and afterwards pinned to what began them.</summary>
    public GenerationRequest Rest => _made is null
        ? request with { Model = task.ToModel(task.Version) }
        : request with
        {
            Model = task.ToModel(_made.Version),
            Seed = _made.Seed,
            Begun = [.. _tokens.Select(tokens => tokens.ToArray())],
        };

    /// <summary>Why what another silo makes must not follow what the caller has; null when it may. Other weights, or the same in another format, give other tokens.</summary>
    public string? FindDifference(Provenance made)
    {
        if (_made is null)
            return null;
        if ((made.AdapterHash, made.BaseModelHash) != (_made.AdapterHash, _made.BaseModelHash))
            return $"{task.Bank}/{task.Task} began with the bundle {_made.AdapterHash} on {_made.BaseModelHash}, and the silo {made.Node} has {made.AdapterHash} on {made.BaseModelHash}.";
        return made.WeightsFormat == _made.WeightsFormat
            ? null
            : $"{task.Bank}/{task.Task} began with weights in {_made.WeightsFormat}, and the silo {made.Node} keeps them in {made.WeightsFormat}.";
    }

    /// <summary>The end of all answers, with who gave their first parts.</summary>
    public GenerationFinished Complete(GenerationFinished end) => _earlier.Count == 0 ? end : end with { Provenance = end.Provenance with { Earlier = [.. _earlier] } };

    /// <summary>Takes the next event.</summary>
    /// <returns>Whether the caller gets it: not what a silo that goes on tells again.</returns>
    public bool Take(GenerationEvent item)
    {
        switch (item)
        {
            case GenerationStarted started:
                bool first = _made is null;
                if (_making is { } lost && Tokens > _before)
                    _earlier.Add(new EarlierPart(lost.Node, lost.Mode, lost.Device, Tokens - _before));
                (_making, _before) = (started.Provenance, Tokens);
                _made ??= started.Provenance;
                return first;
            case TokenChunk { TokenIds.Count: 0 } rest:
                // Text that was held back comes once, after an answer's last token.
                return !_whole[rest.Answer] && (_whole[rest.Answer] = true);
            case TokenChunk chunk:
                _tokens[chunk.Answer].AddRange(chunk.TokenIds);
                return true;
            default:
                return true;
        }
    }
}
