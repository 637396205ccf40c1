using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>What a made-up hospital has published and what its trail says: three banks, eight tasks that can be asked.</summary>
internal static class Hospital
{
    private static readonly Dictionary<int, string> Triage = new()
    {
        [0] = "entity recognition",
        [1] = "named entity normalisation",
        [2] = "diagnosis coding",
        [3] = "medical inquiry intent",
        [4] = "symptom status",
    };

    private static readonly Dictionary<int, string> Letters = new() { [5] = "report summary", [6] = "dialogue to record" };

    public static void Fill(FakeRollouts rollouts, FakeTrail trail)
    {
        rollouts.Add("triage", "2026.11.3", RolloutState.Published, Triage, TimeSpan.FromMinutes(4));
        rollouts.Add("triage", "2026.11.2", RolloutState.Verified, Triage, TimeSpan.FromMinutes(50));
        rollouts.Add("triage", "2026.11.1", RolloutState.Active, Triage, TimeSpan.FromHours(28));
        rollouts.Add("triage", "2026.10.9", RolloutState.Failed, Triage, TimeSpan.FromDays(2), "The check logits of prompt 2 differ by 0.31, more than 0.02: the bundle was made for other weights.");
        rollouts.Add("triage", "2026.10.8", RolloutState.Retired, Triage, TimeSpan.FromDays(9));
        rollouts.Add("letters", "12", RolloutState.Active, Letters, TimeSpan.FromDays(5));
        rollouts.Add("letters", "11", RolloutState.Retired, Letters, TimeSpan.FromDays(33));
        rollouts.Add("billing", "4", RolloutState.Active, new Dictionary<int, string> { [7] = "ICD-10 code choice" }, TimeSpan.FromDays(12));

        trail.Add(TimeSpan.FromMinutes(14), Generate("triage", "2026.11.1", "diagnosis coding", 212, 9));
        trail.Add(TimeSpan.FromMinutes(12), Generate("letters", "12", "report summary", 1840, 164));
        trail.Add(TimeSpan.FromMinutes(11), new AuditEntry { Action = AuditAction.Access, Succeeded = false, Detail = "invalid_key", Target = "10.4.1.17", Count = 3 });
        trail.Add(TimeSpan.FromMinutes(8), new AuditEntry { Action = AuditAction.Rollout, Succeeded = true, Tenant = FakeDirectory.Ward, Subject = "key-55b0", Detail = "load", Bank = "triage", Version = "2026.11.2" });
        trail.Add(TimeSpan.FromMinutes(2), Generate("triage", "2026.11.1", "symptom status", 96, 4));
    }

    private static AuditEntry Generate(string bank, string version, string task, int promptTokens, int completionTokens) => new()
    {
        Action = AuditAction.Generate,
        Succeeded = true,
        Tenant = FakeDirectory.Ward,
        Subject = "key-7c1e",
        Detail = "stop",
        Bank = bank,
        Version = version,
        TaskName = task,
        PromptTokens = promptTokens,
        CompletionTokens = completionTokens,
    };
}
