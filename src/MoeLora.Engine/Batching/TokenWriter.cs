using MoeLora.Engine.Batching.Fairness;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>Chooses the tokens of a step from its logits, tells them, and ends the answers that are complete.</summary>
internal sealed class TokenWriter : IDisposable
{
    private readonly Device _device;
    private readonly Sampler _sampler;
    private readonly float[] _hostLogits;
    private readonly int?[] _likeliest;
    private float[] _allLogits = [];
    private int _rows;
    private bool _hasLikeliest, _hasLogits;
    private readonly RunningJobs _jobs;
    private readonly FairQueue _queue;
    private readonly DeviceHealth _health;
    private readonly EngineCounters _counters;
    private readonly TimeProvider _time;

    /// <param name="model">Whose tokens.</param>
    /// <param name="rows">Most tokens of one step.</param>
    /// <param name="jobs">Where answers end.</param>
    /// <param name="queue">Where tokens are charged.</param>
    /// <param name="health">What a failure means.</param>
    /// <param name="counters">For the statistics.</param>
    /// <param name="time">For the timings.</param>
    public TokenWriter(CausalModel model, int rows, RunningJobs jobs, FairQueue queue, DeviceHealth health, EngineCounters counters, TimeProvider time)
    {
        (_device, _jobs, _queue, _health, _counters, _time) = (model.Device, jobs, queue, health, counters, time);
        _sampler = new Sampler(model.Config.VocabularySize);
        _hostLogits = new float[model.Config.VocabularySize];
        _likeliest = new int?[rows];
        Logits = model.Device.Allocate(DType.F32, rows, model.Config.VocabularySize);
    }

    /// <summary>Where a step writes its logits, [rows, vocabulary].</summary>
    public Tensor Logits { get; }

    /// <summary>A step has written logits: what comes of them is fetched for all rows together, when the first answer asks.</summary>
    /// <param name="rows">How many rows.</param>
    public void Take(int rows) => (_rows, _hasLikeliest, _hasLogits) = (rows, false, false);

    /// <summary>Chooses an answer's next token from a row of the logits. An output that throws ends its request.</summary>
    public void Write(EngineJob job, EngineAnswer answer, int row)
    {
        try
        {
            if (Choose(answer, row) is { } token)
                Append(job, answer, token);
            else
                _jobs.EndAnswer(job, answer, GenerationEnd.UnusableLogits);
        }
        catch (Exception exception)
        {
            _jobs.Fail(job, _health.Judge(exception));
        }
    }

    public void Dispose() => Logits.Dispose();

    private int? Choose(EngineAnswer answer, int row)
    {
        if (answer.Sampling.IsPlainArgMax)
        {
            if (!_hasLikeliest)
                _device.ArgMax(Logits, _likeliest.AsSpan(0, _rows));
            _hasLikeliest = true;
            return _likeliest[row];
        }

        if (!_hasLogits)
        {
            if (_allLogits.Length == 0)
                _allLogits = new float[_likeliest.Length * Logits.Columns];
            _device.Download(Logits, 0, _rows, _allLogits);
        }

        _hasLogits = true;
        _allLogits.AsSpan(row * Logits.Columns, Logits.Columns).CopyTo(_hostLogits); // overwritten, and several answers may begin with one row
        return _sampler.Choose(answer.Sampling, _hostLogits, answer.Count);
    }

    private void Append(EngineJob job, EngineAnswer answer, int token)
    {
        GenerationEnd? end = answer.Append(token, job.EndTokens, out string text);
        job.Generated++;
        job.FirstToken ??= _time.GetTimestamp();
        _counters.GeneratedTokens++;
        _queue.Charge(job.Tenant, FairQueue.GeneratedToken);
        job.Output.OnToken(answer.Index, new GeneratedToken(token, text, answer.Sampling.Settings.LogProbabilities is null ? [] : _sampler.LogProbabilities));
        if (end is { } reason)
            _jobs.EndAnswer(job, answer, reason);
    }
}
