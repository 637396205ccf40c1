using System.CommandLine;
using MoeLora.Tensors;

namespace MoeLora.Cli.Options;

/// <summary>On which device a command computes.</summary>
internal sealed class DeviceOption : Option<string>
{
    public DeviceOption()
        : base("--device")
    {
        Description = "Where it computes: the process's own cores, or another device that this program has.";
        HelpName = "NAME";
        DefaultValueFactory = _ => DeviceKinds.Cpu;
        Validators.Add(result =>
        {
            if (result.Tokens is [var token] && DeviceKinds.FindProblem(token.Value) is { } problem)
                result.AddError($"--device: {problem}.");
        });
    }
}
