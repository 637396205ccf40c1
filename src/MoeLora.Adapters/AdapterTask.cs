namespace MoeLora.Adapters;

/// <summary>A task that an adapter was trained for.</summary>
/// <param name="Id">The row of the task embedding, from 1 (row 0 is padding).</param>
/// <param name="Name">Its name; the id as text when no names were given.</param>
public sealed record AdapterTask(int Id, TaskName Name)
{
    /// <summary>The name, with the id behind it where they differ: <c>CMeEE-V2 (2)</c>.</summary>
    public override string ToString()
    {
        string name = Name.ToString();
        return name == TaskName.OfId(Id).ToString() ? name : $"{name} ({Id})";
    }
}
