using MoeLora.Contracts;

namespace MoeLora.Serving.Tasks;

/// <summary>Everything that a grid of one adapter can answer as, by name and by id. Immutable.</summary>
internal sealed class TaskCatalog(IReadOnlyList<LoadedTask> tasks)
{
    private const int MostListed = 100;

    private readonly Dictionary<string, LoadedTask> _byName = tasks.ToDictionary(task => task.Name, StringComparer.Ordinal);
    private readonly Dictionary<int, LoadedTask> _byId = tasks.Where(task => task.Task is not null).ToDictionary(task => task.Task!.Id);

    public IReadOnlyList<LoadedTask> Tasks => tasks;

    /// <summary>The task of this name, else of this id, else why there is none.</summary>
    public GridResult<LoadedTask> Find(ModelRef model)
    {
        if (_byName.TryGetValue(model.Text, out LoadedTask? named))
            return GridResult<LoadedTask>.Success(named);
        if (model.TaskId is { } id && _byId.TryGetValue(id, out LoadedTask? numbered))
            return GridResult<LoadedTask>.Success(numbered);
        return new GridError(GridErrorKind.ModelNotFound, Missing([model.ToString()], [.. tasks.Select(task => task.Task?.ToString() ?? task.Name)]), "model");
    }

    /// <summary>Says that tasks are not there, and which are.</summary>
    public static string Missing(IReadOnlyList<string> asked, IReadOnlyList<string> there)
    {
        string names = string.Join(", ", there.Take(MostListed));
        string rest = there.Count > MostListed ? $" and {there.Count - MostListed} more" : "";
        return $"There is no task {string.Join(", ", asked.Select(name => $"'{name}'"))}. There are: {names}{rest}.";
    }
}
