using MoeLora.Contracts;

namespace MoeLora.Serving.Tasks;

/// <summary>Everything that can be answered as, by name and by id. Immutable.</summary>
internal sealed class TaskCatalog(IReadOnlyList<ServedTask> tasks)
{
    private const int MostListed = 100;

    private readonly Dictionary<string, ServedTask> _byName = tasks.ToDictionary(task => task.Description.Id, StringComparer.Ordinal);
    private readonly Dictionary<int, ServedTask> _byId = tasks.Where(task => task.Task is not null).ToDictionary(task => task.Task!.Id);

    public IReadOnlyList<ServedTask> Tasks => tasks;

    public IReadOnlyList<ModelDescription> Descriptions { get; } = [.. tasks.Select(task => task.Description)];

    /// <summary>The task of this name, else of this id, else why there is none.</summary>
    public GridResult<ServedTask> Find(ModelRef model)
    {
        if (_byName.TryGetValue(model.Text, out ServedTask? named))
            return GridResult<ServedTask>.Success(named);
        if (model.TaskId is { } id && _byId.TryGetValue(id, out ServedTask? numbered))
            return GridResult<ServedTask>.Success(numbered);
        return new GridError(GridErrorKind.ModelNotFound, Missing([model.ToString()], [.. tasks.Select(task => task.Task?.ToString() ?? task.Description.Id)]), "model");
    }

    /// <summary>Says that tasks are not there, and which are.</summary>
    public static string Missing(IReadOnlyList<string> asked, IReadOnlyList<string> there)
    {
        string names = string.Join(", ", there.Take(MostListed));
        string rest = there.Count > MostListed ? $" and {there.Count - MostListed} more" : "";
        return $"There is no task {string.Join(", ", asked.Select(name => $"'{name}'"))}. There are: {names}{rest}.";
    }
}
