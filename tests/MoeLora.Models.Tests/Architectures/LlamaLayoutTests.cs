using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class LlamaLayoutTests
{
    [Fact]
    public void Of_AllBiases_OneForEveryModule()
    {
        var config = (LlamaConfig)ModelConfigReader.Read(Pack.Directory("llama-tiny")) with { QueryKeyValueBias = true, OutputBias = true, MlpBias = true };

        ModelLayout layout = ModelLayout.Of(config);

        Assert.Equal(
            layout.Modules.Select(module => ($"{module.Name}.bias", module.OutFeatures)),
            layout.Weights.Where(spec => spec.Role == WeightRole.Bias).Select(spec => (spec.Name, spec.Columns)));
    }

    [Fact]
    public void Load_BiasOfEachModule_ChangesTheLogits()
    {
        var config = (LlamaConfig)ModelConfigReader.Read(Pack.Directory("llama-tiny")) with { QueryKeyValueBias = true, OutputBias = true, MlpBias = true };
        int[] prompt = Pack.Prompts("llama-tiny")[0];
        float[][] bare = Pack.BaseLogits("llama-tiny", 0);

        foreach (LinearModule biased in ModelLayout.Of(config).Modules)
        {
            using var checkpoint = new EditedCheckpoint("llama-tiny");
            foreach (LinearModule module in ModelLayout.Of(config).Modules)
            {
                float[] bias = new float[module.OutFeatures];
                // A key's bias adds the same to all of a query's scores unless positions turn it, and a uniform one moves little: make it uneven.
                for (int i = 0; i < bias.Length && module == biased; i++)
                    bias[i] = i % 3;
                checkpoint.Put($"{module.Name}.bias", bias, bias.Length);
            }
            using CausalModel model = ModelLoader.Load(checkpoint, config, Pack.Device("reference"), DType.F32);

            Assert.True(Stepping.Distance(bare, model.Prefill(prompt)) > 0.01f, biased.Name);
        }
    }
}
