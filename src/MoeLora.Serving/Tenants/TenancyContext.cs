using Microsoft.EntityFrameworkCore;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Tenants;

/// <summary>The tables of tenants and keys. Rows are written only by <see cref="TenantDirectory"/>.</summary>
internal sealed class TenancyContext(DbContextOptions<TenancyContext> options) : DbContext(options)
{
    public const string HistoryTable = "tenancy_migrations";

    public DbSet<TenantRow> Tenants => Set<TenantRow>();

    public DbSet<KeyRow> Keys => Set<KeyRow>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<TenantRow>(tenant =>
        {
            tenant.ToTable("tenancy_tenants");
            tenant.HasKey(row => row.Id);
            tenant.Property(row => row.Id).HasColumnName("id");
            tenant.Property(row => row.Enabled).HasColumnName("enabled");
            tenant.Property(row => row.Created).HasColumnName("created").HasConversion(StateDatabase.TimeText);
            tenant.Property(row => row.Weight).HasColumnName("weight");
            tenant.Property(row => row.AllowedTasks).HasColumnName("allowed_tasks");
            tenant.Property(row => row.TokensPerMinute).HasColumnName("tokens_per_minute");
            tenant.Property(row => row.RequestsPerMinute).HasColumnName("requests_per_minute");
            tenant.Property(row => row.ConcurrentSequences).HasColumnName("concurrent_sequences");
        });
        model.Entity<KeyRow>(key =>
        {
            key.ToTable("tenancy_keys");
            key.HasKey(row => row.Id);
            key.HasIndex(row => row.Tenant).HasDatabaseName("IX_tenancy_keys_tenant");
            key.Property(row => row.Id).HasColumnName("id");
            key.Property(row => row.Tenant).HasColumnName("tenant");
            key.Property(row => row.Label).HasColumnName("label");
            key.Property(row => row.Roles).HasColumnName("roles");
            key.Property(row => row.SecretHash).HasColumnName("secret_hash");
            key.Property(row => row.Created).HasColumnName("created").HasConversion(StateDatabase.TimeText);
            key.Property(row => row.Expires).HasColumnName("expires").HasConversion(StateDatabase.TimeText);
            key.Property(row => row.Revoked).HasColumnName("revoked").HasConversion(StateDatabase.TimeText).IsConcurrencyToken();
        });
    }
}

/// <summary>A tenant.</summary>
internal sealed class TenantRow
{
    public required string Id { get; set; }

    public bool Enabled { get; set; }

    public DateTimeOffset Created { get; set; }

    public double Weight { get; set; }

    /// <summary>A JSON array; null for every task.</summary>
    public string? AllowedTasks { get; set; }

    public int? TokensPerMinute { get; set; }

    public int? RequestsPerMinute { get; set; }

    public int? ConcurrentSequences { get; set; }
}

/// <summary>A key, without the key.</summary>
internal sealed class KeyRow
{
    public required string Id { get; set; }

    public required string Tenant { get; set; }

    public required string Label { get; set; }

    /// <summary>The bits of <see cref="Contracts.Tenants.Roles"/>.</summary>
    public int Roles { get; set; }

    /// <summary>SHA-256 of the whole key in ASCII, 64 hexadecimal digits.</summary>
    public required string SecretHash { get; set; }

    public DateTimeOffset Created { get; set; }

    public DateTimeOffset? Expires { get; set; }

    /// <summary>Two nodes that take back or rotate one key at once do not both succeed.</summary>
    public DateTimeOffset? Revoked { get; set; }
}
