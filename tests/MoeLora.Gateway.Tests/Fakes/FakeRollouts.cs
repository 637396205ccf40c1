using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Tests.Fakes;

/// <summary>Remembers commands.</summary>
internal sealed class FakeRollouts : IRollouts
{
    public static readonly AdapterVersionStatus Status = new()
    {
        Bank = "triage",
        Version = "2",
        BundleHash = "sha256:bundle",
        BaseModelHash = "sha256:base",
        Tasks = new Dictionary<int, string> { [2] = "医学-triage" },
        State = RolloutState.Canary,
        Canary = new CanaryRule(0.25, [FakeDirectory.Ward]),
        Published = DateTimeOffset.UnixEpoch,
        Since = DateTimeOffset.UnixEpoch,
        Revision = 3,
    };

    public List<(RolloutCommand Command, Caller By)> Commands { get; } = [];

    public (long Bytes, Caller By)? Published { get; private set; }

    public GridError? Refusal { get; set; }

    public int LastLimit { get; private set; }

    public async ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default)
    {
        byte[] buffer = new byte[4096];
        long bytes = 0;
        try
        {
            for (int read; (read = await bundle.ReadAsync(buffer, cancellation)) > 0;)
                bytes += read;
        }
        catch (IOException) // as a node, which knows nothing of HTTP
        {
            return new GridError(GridErrorKind.Unavailable, "The sender broke off.");
        }

        Published = (bytes, by);
        return Result();
    }

    public ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default)
    {
        Commands.Add((command, by));
        return new(Result());
    }

    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<AdapterVersionStatus>>.Success([Status]));

    public ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default)
    {
        LastLimit = limit;
        return new(GridResult<IReadOnlyList<RolloutChange>>.Success([new RolloutChange(bank, "2", null, RolloutState.Published, DateTimeOffset.UnixEpoch, "key-operator", null)]));
    }

    private GridResult<AdapterVersionStatus> Result() => Refusal is null ? GridResult<AdapterVersionStatus>.Success(Status) : Refusal;
}
