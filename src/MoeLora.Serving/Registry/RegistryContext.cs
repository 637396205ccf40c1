using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Registry;

/// <summary>The registry's tables. Rows are written only by <see cref="VersionRegistry"/>.</summary>
internal sealed class RegistryContext(DbContextOptions<RegistryContext> options) : DbContext(options)
{
    public const string HistoryTable = "registry_migrations";

    public DbSet<BankRow> Banks => Set<BankRow>();

    public DbSet<VersionRow> Versions => Set<VersionRow>();

    public DbSet<ChangeRow> Changes => Set<ChangeRow>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<BankRow>(bank =>
        {
            bank.ToTable("registry_banks");
            bank.HasKey(row => row.Name);
            bank.Property(row => row.Name).HasColumnName("name");
            bank.Property(row => row.Active).HasColumnName("active");
            bank.Property(row => row.Previous).HasColumnName("previous");
            bank.Property(row => row.Revision).HasColumnName("revision").IsConcurrencyToken();
        });
        model.Entity<VersionRow>(version =>
        {
            version.ToTable("registry_versions");
            version.HasKey(row => new { row.Bank, row.Version });
            version.Property(row => row.Bank).HasColumnName("bank");
            version.Property(row => row.Version).HasColumnName("version");
            version.Property(row => row.BundleHash).HasColumnName("bundle_hash");
            version.Property(row => row.BaseModelHash).HasColumnName("base_model_hash");
            version.Property(row => row.Tasks).HasColumnName("tasks");
            version.Property(row => row.State).HasColumnName("state").HasConversion<string>();
            version.Property(row => row.CanaryShare).HasColumnName("canary_share");
            version.Property(row => row.CanaryTenants).HasColumnName("canary_tenants");
            version.Property(row => row.ShadowShare).HasColumnName("shadow_share");
            version.Property(row => row.Problem).HasColumnName("problem");
            version.Property(row => row.Published).HasColumnName("published").HasConversion(StateDatabase.TimeText);
            version.Property(row => row.Since).HasColumnName("since").HasConversion(StateDatabase.TimeText);
            version.Property(row => row.Revision).HasColumnName("revision").IsConcurrencyToken();
        });
        model.Entity<ChangeRow>(change =>
        {
            change.ToTable("registry_changes");
            change.HasKey(row => new { row.Bank, row.Number });
            change.Property(row => row.Bank).HasColumnName("bank");
            change.Property(row => row.Number).HasColumnName("number").ValueGeneratedNever();
            change.Property(row => row.Version).HasColumnName("version");
            change.Property(row => row.From).HasColumnName("from_state").HasConversion<string>();
            change.Property(row => row.To).HasColumnName("to_state").HasConversion<string>();
            change.Property(row => row.At).HasColumnName("at").HasConversion(StateDatabase.TimeText);
            change.Property(row => row.By).HasColumnName("by_subject");
            change.Property(row => row.Reason).HasColumnName("reason");
        });
    }
}

/// <summary>A bank: which version is active, which was before, and how often it changed.</summary>
internal sealed class BankRow
{
    public required string Name { get; set; }

    public string? Active { get; set; }

    public string? Previous { get; set; }

    /// <summary>The number of the bank's last change: whoever writes must have read it.</summary>
    public required long Revision { get; set; }
}

/// <summary>A version of a bank.</summary>
internal sealed class VersionRow
{
    public required string Bank { get; set; }

    public required string Version { get; set; }

    /// <summary><c>sha256:</c> and 64 digits.</summary>
    public required string BundleHash { get; set; }

    /// <summary>64 digits.</summary>
    public required string BaseModelHash { get; set; }

    /// <summary>A JSON object of ids and names.</summary>
    public required string Tasks { get; set; }

    public required RolloutState State { get; set; }

    public double? CanaryShare { get; set; }

    /// <summary>Names with a comma between them; null when it is no canary.</summary>
    public string? CanaryTenants { get; set; }

    public double? ShadowShare { get; set; }

    public string? Problem { get; set; }

    public required DateTimeOffset Published { get; set; }

    public required DateTimeOffset Since { get; set; }

    public required long Revision { get; set; }
}

/// <summary>A line of a bank's change log. Never changed, never removed.</summary>
internal sealed class ChangeRow
{
    public required string Bank { get; set; }

    /// <summary>1, 2, 3, … in each bank, without a gap.</summary>
    public required long Number { get; set; }

    public required string Version { get; set; }

    public RolloutState? From { get; set; }

    public required RolloutState To { get; set; }

    public required DateTimeOffset At { get; set; }

    public required string By { get; set; }

    public string? Reason { get; set; }
}
