using Microsoft.EntityFrameworkCore;
using MoeLora.Serving.State;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace MoeLora.Grid.Hosting.Storage;

/// <summary>
/// States of grains in a database. A write succeeds only on the ETag that was read, and no ETag ever comes back: of two activations of one grain, the one that
/// wrote first is the only one that can go on.
/// </summary>
internal sealed class DatabaseGrainStorage(ClusterDatabase database, string service, IGrainStorageSerializer serializer, IActivatorProvider activators) : IGrainStorage
{
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string grain = grainId.ToString();
        await using ClusterContext context = await database.OpenAsync();
        GrainRow? row = await Rows(context, grain, stateName).AsNoTracking().SingleOrDefaultAsync();
        grainState.State = row is null ? activators.GetActivator<T>().Create() : serializer.Deserialize<T>(new BinaryData(row.Content));
        (grainState.ETag, grainState.RecordExists) = (row?.ETag, row is not null);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string grain = grainId.ToString(), next = NewETag();
        byte[] content = serializer.Serialize(grainState.State).ToArray();
        await using ClusterContext context = await database.OpenAsync();
        if (grainState.ETag is { } known)
        {
            int changed = await Rows(context, grain, stateName).Where(row => row.ETag == known)
                .ExecuteUpdateAsync(row => row.SetProperty(each => each.Content, content).SetProperty(each => each.ETag, next));
            if (changed == 0)
                throw Stale(grain, known);
        }
        else
        {
            context.Grains.Add(new GrainRow { Service = service, Grain = grain, State = stateName, ETag = next, Content = content });
            try
            {
                await context.SaveChangesAsync();
            }
            catch (DbUpdateException e) when (StateDatabase.IsConflict(e))
            {
                throw Stale(grain, "");
            }
        }

        (grainState.ETag, grainState.RecordExists) = (next, true);
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string grain = grainId.ToString();
        if (grainState.ETag is { } known)
        {
            await using ClusterContext context = await database.OpenAsync();
            if (await Rows(context, grain, stateName).Where(row => row.ETag == known).ExecuteDeleteAsync() == 0)
                throw Stale(grain, known);
        }

        grainState.State = activators.GetActivator<T>().Create();
        (grainState.ETag, grainState.RecordExists) = (null, false);
    }

    /// <summary>A new one: random, so that a state that was deleted and written anew is not taken for what it was.</summary>
    public static string NewETag() => Guid.NewGuid().ToString("N");

    private IQueryable<GrainRow> Rows(ClusterContext context, string grain, string state) =>
        context.Grains.Where(row => row.Service == service && row.Grain == grain && row.State == state);

    private static InconsistentStateException Stale(string grain, string known) =>
        new($"Another activation of {grain} has written its state since this one read it.", "unknown", known);
}
