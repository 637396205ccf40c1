using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class PackLogitsTests
{
    // The packs promise 1e-3; float32 sums of these sizes in any order agree to a few 1e-6, and a wrong detail shows at 1e-2 and more.
    private const float Tolerance = 1e-4f;

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_WholePrompt_LogitsAsThePackHas(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[][] prompts = Pack.Prompts(pack);

        for (int i = 0; i < prompts.Length; i++)
            Assert.InRange(Stepping.Distance(Pack.BaseLogits(pack, i), model.Prefill(prompts[i])), 0, Tolerance);
    }
}
