using MoeLora.Models;

namespace MoeLora.Engine.Batching.Steps;

/// <summary>
/// Sorts the parts of a step by what can run together: the same weights, whatever the task, the adapter bank and the tenant. Inside a group those of one bank follow
/// each other.
/// </summary>
internal sealed class StepGroups
{
    private readonly List<StepGroup> _groups = []; // the first Count are in use

    /// <summary>Groups in use.</summary>
    public int Count { get; private set; }

    public StepGroup this[int index] => _groups[index];

    public void Add(StepFeed feed)
    {
        CausalModel model = feed.Job.Request.Task.Model;
        for (int i = 0; i < Count; i++)
        {
            if (_groups[i].Model == model)
            {
                _groups[i].Add(feed);
                return;
            }
        }

        if (Count == _groups.Count)
            _groups.Add(new StepGroup());
        StepGroup group = _groups[Count++];
        group.Model = model;
        group.Add(feed);
    }

    /// <summary>Empties all groups, and keeps no weights and no request alive.</summary>
    public void Clear()
    {
        for (int i = 0; i < Count; i++)
            _groups[i].Clear();
        Count = 0;
    }
}

/// <summary>Parts of a step that run together.</summary>
internal sealed class StepGroup
{
    private readonly List<StepFeed> _feeds = [];

    public CausalModel? Model { get; set; }

    public List<StepFeed> Feeds => _feeds;

    public void Add(StepFeed feed)
    {
        int index = _feeds.Count;
        while (index > 0 && _feeds[index - 1].Job.Request.Task.Deltas != feed.Job.Request.Task.Deltas)
            index--;
        _feeds.Insert(index == 0 ? _feeds.Count : index, feed);
    }

    public void Clear()
    {
        Model = null;
        _feeds.Clear();
    }
}
