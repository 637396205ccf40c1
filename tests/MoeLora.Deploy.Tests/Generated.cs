namespace MoeLora.Deploy.Tests;

/// <summary>Files of the repository that are made of others.</summary>
internal static class Generated
{
    /// <summary>Fails where the file is not what is made now; with <c>MOELORA_WRITE=1</c> writes it.</summary>
    public static void AssertIs(string made, params string[] file)
    {
        if (Environment.GetEnvironmentVariable("MOELORA_WRITE") == "1")
            File.WriteAllText(Repository.At(file), made);
        Assert.True(Repository.Read(file) == made, $"{Path.Combine(file)} is not what is made of the program now. Write it anew and look at the change: MOELORA_WRITE=1 dotnet test tests/MoeLora.Deploy.Tests -c Release");
    }
}
