using MoeLora.Models;

namespace MoeLora.Engine.Batching.Steps;

/// <summary>Sorts the parts of a step by what can run together: the same weights and the same adapter bank, whatever the task and the tenant.</summary>
internal sealed class StepGroups
{
    private readonly List<StepGroup> _groups = []; // the first _count are in use

    /// <summary>Groups in use.</summary>
    public int Count { get; private set; }

    public StepGroup this[int index] => _groups[index];

    public void Add(StepFeed feed)
    {
        (CausalModel model, DeltaSet? deltas) = (feed.Job.Request.Task.Model, feed.Job.Request.Task.Deltas);
        for (int i = 0; i < Count; i++)
        {
            if (_groups[i].Model == model && _groups[i].Deltas == deltas)
            {
                _groups[i].Feeds.Add(feed);
                return;
            }
        }

        if (Count == _groups.Count)
            _groups.Add(new StepGroup());
        StepGroup group = _groups[Count++];
        (group.Model, group.Deltas) = (model, deltas);
        group.Feeds.Add(feed);
    }

    /// <summary>Empties all groups, and keeps no weights and no request alive.</summary>
    public void Clear()
    {
        for (int i = 0; i < Count; i++)
        {
            _groups[i].Model = null;
            _groups[i].Deltas = null;
            _groups[i].Feeds.Clear();
        }

        Count = 0;
    }
}

/// <summary>Parts of a step that run together.</summary>
internal sealed class StepGroup
{
    public CausalModel? Model { get; set; }

    public DeltaSet? Deltas { get; set; }

    public List<StepFeed> Feeds { get; } = [];
}
