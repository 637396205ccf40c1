using MoeLora.Contracts;

namespace MoeLora.Grid.Requests;

/// <summary>What a caller has of the answers to a request, so that another silo can go on from there.</summary>
internal sealed class BegunAnswers(GenerationRequest request, NamedTask task)
{
    private readonly List<int>[] _tokens = [.. Enumerable.Range(0, request.Answers).Select(_ => new List<int>())];
    private readonly bool[] _whole = new bool[request.Answers];
    private Provenance? _made;

    /// <summary>Tokens that the caller has of all answers.</summary>
    public int Tokens => _tokens.Sum(tokens => tokens.Count);

    /// <summary>The request for what is missing: as it was asked before the answers began, and afterwards pinned to what began them.</summary>
    public GenerationRequest Rest => _made is null
        ? request with { Model = task.ToModel(task.Version) }
        : request with
        {
            Model = task.ToModel(_made.Version),
            Seed = _made.Seed,
            Begun = Tokens == 0 ? [] : [.. _tokens.Select(tokens => tokens.ToArray())],
        };

    /// <summary>Takes the next event.</summary>
    /// <returns>Whether the caller gets it: not what a silo that goes on tells again.</returns>
    /// <exception cref="InvalidOperationException">Another bundle goes on than the one that began. Its tokens must not be mixed with those.</exception>
    public bool Take(GenerationEvent item)
    {
        switch (item)
        {
            case GenerationStarted started:
                if (_made is not null && (started.Provenance.AdapterHash != _made.AdapterHash || started.Provenance.BaseModelHash != _made.BaseModelHash))
                    throw new InvalidOperationException($"{task.Bank}/{task.Task} began with {_made.AdapterHash} and would go on with {started.Provenance.AdapterHash}.");
                bool first = _made is null;
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
