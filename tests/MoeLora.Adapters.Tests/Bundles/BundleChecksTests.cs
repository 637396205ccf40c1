using System.Text.Json;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Tests.Bundles;

public sealed class BundleChecksTests
{
    // Another implementation's logits and tokens, within the tolerance that the packs state.
    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void Compute_Pack_GivesReferenceLogitsAndTokens(string name)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();
        JsonElement greedy = pack.Facts().GetProperty("greedy");

        foreach (BundleCheck check in BundleChecks.Compute(pack.Model, adapter, [.. adapter.Tasks.Select(task => new CheckPrompt(task, pack.Prompt(0)))]))
        {
            float[] row = pack.Expected($"task{check.TaskId}.logits.0")[^pack.Model.Config.VocabularySize..];
            Closeness.AssertClose(Array.ConvertAll([.. check.Likeliest], token => row[token.Token]), Array.ConvertAll([.. check.Likeliest], token => token.Logit), 1e-3, $"task {check.TaskId}");
            Assert.Equal(row.OrderDescending().Take(BundleCheck.MaxLikeliest).Sum(), check.Likeliest.Sum(token => token.Logit), 0.05);
            Assert.Equal(Math.Log(row.Sum(logit => Math.Exp(logit))), check.LogSumExp, 1e-3);
            int[] expected = greedy.GetProperty($"{check.TaskId}").Deserialize<int[]>()!;
            Assert.Equal(expected.Take(BundleCheck.MaxAnswer), check.Answer);
        }
    }

    [Theory]
    [InlineData("chatglm-tiny", DType.F32)]
    [InlineData("chatglm-tiny", DType.F16)]
    [InlineData("chatglm-tiny", DType.BF16)]
    [InlineData("chatglm-tiny", DType.Q8)]
    [InlineData("llama-tiny", DType.F32)]
    [InlineData("llama-tiny", DType.F16)]
    [InlineData("llama-tiny", DType.BF16)]
    [InlineData("llama-tiny", DType.Q8)]
    [InlineData("qwen2-tiny", DType.F32)]
    [InlineData("qwen2-tiny", DType.F16)]
    [InlineData("qwen2-tiny", DType.BF16)]
    [InlineData("qwen2-tiny", DType.Q8)]
    public void Verify_SameAdapter_PassesAndSwappedTasksDoNot(string name, DType weights)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();
        IReadOnlyList<BundleCheck> checks = CheckedPack.Compute(pack, adapter);
        using var served = new Pack(name, weights);

        BundleVerification same = BundleChecks.Verify(served.Model, served.Published, adapter, checks);
        BundleVerification swapped = BundleChecks.Verify(served.Model, served.Published, adapter, [.. checks.Select(check => check with { TaskId = check.TaskId % adapter.Tasks.Count + 1 })]);

        Assert.Empty(same.Faults);
        Assert.True(same.Passed);
        Assert.Equal(weights, same.Weights);
        Assert.Equal(2 * adapter.Tasks.Count, same.Results.Count);
        Assert.Equal(adapter.Tasks.Count, same.Results.Count(result => result.Form == AdapterForm.Merged));
        Assert.False(swapped.Passed);
        Assert.All(swapped.Results, result => Assert.False(result.Passed));
        Assert.Equal(swapped.Results.Count, swapped.Faults.Count);
    }

    // A later version: every B a little larger, as after more training.
    [Theory]
    [InlineData(DType.F32, 1.01f)]
    [InlineData(DType.BF16, 1.3f)]
    [InlineData(DType.Q8, 2f)]
    public void Verify_AnotherVersion_FailsInBothForms(DType weights, float growth)
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        IReadOnlyList<BundleCheck> checks = CheckedPack.Compute(pack, adapter);
        using var served = new Pack("llama-tiny", weights);

        BundleVerification verification = BundleChecks.Verify(served.Model, served.Published, WithB(adapter, b => growth * b), checks);

        Assert.Contains(verification.Results, result => result is { Passed: false, Form: AdapterForm.Merged });
        Assert.Contains(verification.Results, result => result is { Passed: false, Form: AdapterForm.Shared });
        Assert.Contains(verification.Faults, fault => fault.Contains("the logits differ by", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.Q8)]
    public void Verify_AnotherBaseOfTheSameShape_Fails(DType weights)
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        IReadOnlyList<BundleCheck> checks = CheckedPack.Compute(pack, adapter);
        using CausalModel other = Models.Architectures.ModelLoader.Random(pack.Model.Config, pack.Model.Device, weights, seed: 1);

        BundleVerification verification = BundleChecks.Verify(other, null, adapter, checks);

        Assert.All(verification.Results, result => Assert.False(result.Passed));
    }

    [Fact]
    public void Verify_AnotherAnswer_FailsThoughTheFirstLogitsAgree()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        BundleCheck[] checks = [.. CheckedPack.Compute(pack, adapter)];
        int[] answer = [.. checks[0].Answer];
        answer[^1] = (answer[^1] + 1) % pack.Model.Config.VocabularySize;
        checks[0] = checks[0] with { Answer = answer };

        BundleVerification verification = BundleChecks.Verify(pack.Model, pack.Published, adapter, checks);

        Assert.Equal(2, verification.Faults.Count);
        Assert.All(verification.Faults, fault => Assert.StartsWith("check 1, task 1, ", fault, StringComparison.Ordinal));
        Assert.All(verification.Faults, fault => Assert.Contains("a token of the answer is", fault, StringComparison.Ordinal));
    }

    [Fact]
    public void Verify_LogitsThatAreNotKeptDiffer_FailsByTheirSum()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        BundleCheck[] checks = [.. CheckedPack.Compute(pack, adapter)];
        checks[2] = checks[2] with { LogSumExp = checks[2].LogSumExp + 0.1 };

        Assert.Equal(2, BundleChecks.Verify(pack.Model, pack.Published, adapter, checks).Faults.Count);
    }

    [Fact]
    public void Verify_AdapterWithNaN_NamesEveryModuleThatHoldsOne()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        IReadOnlyList<BundleCheck> checks = CheckedPack.Compute(pack, adapter);

        BundleVerification verification = BundleChecks.Verify(pack.Model, pack.Published, WithB(adapter, _ => float.NaN), checks);

        Assert.False(verification.Passed);
        Assert.Equal(adapter.Bank.Modules.Select(module => $"{module.Module.Name} holds NaN or infinity."), verification.Faults);
    }

    [Fact]
    public void Verify_NothingToCheck_Fails()
    {
        using var pack = new Pack("llama-tiny");

        BundleVerification verification = BundleChecks.Verify(pack.Model, pack.Published, pack.ReadAdapter(), []);

        Assert.False(verification.Passed);
        Assert.Equal("there are no checks.", Assert.Single(verification.Faults));
    }

    [Fact]
    public void Verify_ChecksOfALargerVocabulary_SaysSo()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        BundleCheck[] checks = [.. CheckedPack.Compute(pack, adapter)];
        checks[0] = checks[0] with { Answer = [checks[0].Answer[0], 70_000] };
        checks[1] = checks[1] with { Prompt = [70_000] };

        BundleVerification verification = BundleChecks.Verify(pack.Model, pack.Published, adapter, checks);

        Assert.Equal(2, verification.Faults.Count);
        Assert.StartsWith("check 1: it has the token 70000", verification.Faults[0], StringComparison.Ordinal);
        Assert.StartsWith("check 2: ", verification.Faults[1], StringComparison.Ordinal);
        Assert.False(verification.Passed);
    }

    [Fact]
    public void Compute_AdapterThatWasNeverTrained_NamesEveryTask()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = WithB(pack.ReadAdapter(), _ => 0);

        var e = Assert.Throws<AdapterException>(() => BundleChecks.Compute(pack.Model, adapter, CheckedPack.Prompts(pack, adapter)));

        Assert.Equal(adapter.Tasks.Count, e.Problems.Count);
        Assert.All(e.Problems, problem => Assert.Contains("its delta is zero in every layer", problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Compute_DeltaTooSmallToTell_IsRefusedBecauseTheCheckCouldNotFail()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = WithB(pack.ReadAdapter(), b => 1e-6f * b);

        var e = Assert.Throws<AdapterException>(() => BundleChecks.Compute(pack.Model, adapter, CheckedPack.Prompts(pack, adapter)));

        Assert.Contains("check prompt 1 of task 1: the bare base model's logits differ by", e.Problems[0], StringComparison.Ordinal);
        Assert.Equal(adapter.Tasks.Count, e.Problems.Count);
    }

    [Fact]
    public void Compute_PromptsThatDoNotSuit_AreAllNamed()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        CheckPrompt[] prompts = [.. CheckedPack.Prompts(pack, adapter).Take(2), new(adapter.Tasks[2], []), new(adapter.Tasks[3], new int[pack.Model.Config.MaxPositions])];

        var e = Assert.Throws<AdapterException>(() => BundleChecks.Compute(pack.Model, adapter, prompts));

        Assert.Contains(e.Problems, problem => problem.StartsWith("check prompt 3: ", StringComparison.Ordinal));
        Assert.Contains(e.Problems, problem => problem.StartsWith($"check prompt 4: its {pack.Model.Config.MaxPositions} tokens and an answer of 8 do not fit", StringComparison.Ordinal));
        Assert.Contains($"task {adapter.Tasks.Count} has no check prompt.", e.Problems);
    }

    [Fact]
    public void Compute_OtherWeightsThanF32_AreRefused()
    {
        using var pack = new Pack("llama-tiny", DType.BF16);
        Adapter adapter = pack.ReadAdapter();

        Assert.Throws<ArgumentException>(() => CheckedPack.Compute(pack, adapter));
    }

    // One of two experts is zero and the sparse gate gives task 1 to it alone: the bank is not zero, the task's delta is.
    [Fact]
    public void FindUntrainedTasks_TaskOfAZeroExpert_IsFound()
    {
        float[] a = [1, 2], b = [0, 1];
        var module = new AdaptedModule(new LinearModule(0, "m", 1, 1), 2, a, b);
        var gate = new TaskGate(2, 2, 1, [0, 1, -1], [1, -1], topK: 1);
        var adapter = new Adapter(AdapterKind.SharedGate, new ExpertBank([module], 2, 2), [gate], [new AdapterTask(1, TaskName.OfId(1)), new AdapterTask(2, TaskName.OfId(2))], ["m"]);

        Assert.False(adapter.Bank.IsZero);
        Assert.Equal([adapter.Tasks[0]], adapter.FindUntrainedTasks());
    }

    private static Adapter WithB(Adapter adapter, Func<float, float> change)
    {
        ExpertBank bank = adapter.Bank;
        AdaptedModule[] modules = [.. bank.Modules.Select(module => new AdaptedModule(module.Module, module.Rank, module.A.ToArray(), Array.ConvertAll(module.B.ToArray(), b => change(b))))];
        return new Adapter(adapter.Kind, new ExpertBank(modules, bank.ExpertCount, bank.Alpha), adapter.Gates, adapter.Tasks, adapter.TargetModules);
    }
}
