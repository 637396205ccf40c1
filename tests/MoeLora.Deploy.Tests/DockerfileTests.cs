using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>What must hold for the images.</summary>
public sealed class DockerfileTests
{
    private static readonly Dockerfile File = new(Repository.Read("deploy", "Dockerfile"));

    public static TheoryData<string> Targets => ["node", "silo", "silo-cuda"];

    [Fact]
    public void Bases_AreExactVersionsOrDigests()
    {
        string[] outside = [.. File.Stages.Select(stage => stage.Base).Where(name => File.Stages.All(stage => stage.Name != name))];

        Assert.Equal(3, outside.Distinct().Count());
        Assert.All(outside, image => Assert.Matches(@"(@sha256:[0-9a-f]{64}|:\d+\.\d+\.\d+(-[a-z0-9.-]+)?)$", image));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Target_RunsAsAUserWithoutRightsAndSaysHowItLives(string target)
    {
        (string Name, string Text)[] all = [.. File.Whole(File.Stages.Single(stage => stage.Name == target))];

        Assert.Matches("^[1-9][0-9]*:[1-9][0-9]*$", all.Last(instruction => instruction.Name == "USER").Text);
        Assert.DoesNotContain(all.SkipWhile(instruction => instruction.Name != "USER"), instruction => instruction.Name is "RUN" or "COPY");
        Assert.Contains("/usr/local/bin/moelora-healthy", all.Last(instruction => instruction.Name == "HEALTHCHECK").Text, StringComparison.Ordinal);
        Assert.All(all.Where(instruction => instruction.Name is "ENTRYPOINT" or "CMD" or "HEALTHCHECK"), instruction => Assert.True(Dockerfile.IsExec(instruction.Text), instruction.Text));
        Assert.Contains(all, instruction => instruction.Name == "STOPSIGNAL" && instruction.Text == "SIGTERM");
        string labels = string.Concat(all.Where(instruction => instruction.Name == "LABEL").Select(instruction => instruction.Text));
        Assert.All((string[])["title", "description", "version", "revision", "licenses"], label => Assert.Contains($"org.opencontainers.image.{label}=", labels, StringComparison.Ordinal));
        Assert.StartsWith($"[\"/app/{(target == "node" ? "moelora" : "moelora-silo")}\"", all.Last(instruction => instruction.Name == "ENTRYPOINT").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Instructions_FetchNothingAndTakeOnlyWhatIsThere()
    {
        string[] stages = [.. File.Stages.Select(stage => stage.Name)];
        string[] context = [.. Repository.Read("deploy", "Dockerfile.dockerignore").Split('\n').Where(line => line.StartsWith('!')).Select(line => line[1..])];
        foreach ((string name, string text) in File.Stages.SelectMany(stage => stage.Instructions))
        {
            Assert.NotEqual("ADD", name);
            if (name == "RUN")
                Assert.DoesNotMatch(@"curl|wget|apt-get|apk |pip |sudo|chmod 777", text);
            foreach (Match from in Regex.Matches(text, "--from=([^ ]+)"))
                Assert.Contains(from.Groups[1].Value, stages);
            foreach (string source in name == "COPY" ? Dockerfile.Sources(text) : [])
            {
                Assert.True(Path.Exists(Repository.At(source)), source);
                Assert.Contains(context, let => source.TrimEnd('/') == let || source.StartsWith(let + "/", StringComparison.Ordinal));
            }

            foreach (Match project in Regex.Matches(text, @"src/[^ ]+\.csproj"))
                Assert.True(System.IO.File.Exists(Repository.At(project.Value)), project.Value);
        }
    }

    [Fact]
    public void Context_HasWhatTheProjectsInclude()
    {
        // Files outside of src that a project takes in must be let into the build.
        string[] context = [.. Repository.Read("deploy", "Dockerfile.dockerignore").Split('\n').Where(line => line.StartsWith('!')).Select(line => line[1..])];
        foreach (string project in Directory.EnumerateFiles(Repository.At("src"), "*.csproj", SearchOption.AllDirectories))
        {
            foreach (Match include in Regex.Matches(System.IO.File.ReadAllText(project), @"Include=""\.\./\.\./([^""*]+)"))
                Assert.Contains(context, let => include.Groups[1].Value.StartsWith(let, StringComparison.Ordinal));
        }
    }
}
