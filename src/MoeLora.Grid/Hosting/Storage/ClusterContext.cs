using Microsoft.EntityFrameworkCore;
using MoeLora.Serving.State;

namespace MoeLora.Grid.Hosting.Storage;

/// <summary>
/// The tables that all silos of a cluster share: who is part of it, and the state of its grains. Every row that a silo may only change as it read it has an ETag.
/// </summary>
internal sealed class ClusterContext(DbContextOptions<ClusterContext> options) : DbContext(options)
{
    public const string HistoryTable = "cluster_migrations";

    public DbSet<ClusterRow> Clusters => Set<ClusterRow>();

    public DbSet<MemberRow> Members => Set<MemberRow>();

    public DbSet<GrainRow> Grains => Set<GrainRow>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<ClusterRow>(cluster =>
        {
            cluster.ToTable("cluster_versions");
            cluster.HasKey(row => row.Cluster);
            cluster.Property(row => row.Cluster).HasColumnName("cluster");
            cluster.Property(row => row.Version).HasColumnName("version");
            cluster.Property(row => row.ETag).HasColumnName("etag");
        });
        model.Entity<MemberRow>(member =>
        {
            member.ToTable("cluster_members");
            member.HasKey(row => new { row.Cluster, row.Silo });
            member.Property(row => row.Cluster).HasColumnName("cluster");
            member.Property(row => row.Silo).HasColumnName("silo");
            member.Property(row => row.ETag).HasColumnName("etag");
            member.Property(row => row.Status).HasColumnName("status");
            member.Property(row => row.Name).HasColumnName("name");
            member.Property(row => row.Host).HasColumnName("host");
            member.Property(row => row.GatewayPort).HasColumnName("gateway_port");
            member.Property(row => row.Started).HasColumnName("started").HasConversion(StateDatabase.TimeText);
            member.Property(row => row.Alive).HasColumnName("alive").HasConversion(StateDatabase.TimeText);
            member.Property(row => row.Suspicions).HasColumnName("suspicions");
        });
        model.Entity<GrainRow>(grain =>
        {
            grain.ToTable("cluster_grains");
            grain.HasKey(row => new { row.Service, row.Grain, row.State });
            grain.Property(row => row.Service).HasColumnName("service");
            grain.Property(row => row.Grain).HasColumnName("grain");
            grain.Property(row => row.State).HasColumnName("state");
            grain.Property(row => row.ETag).HasColumnName("etag");
            grain.Property(row => row.Content).HasColumnName("content");
        });
    }
}

/// <summary>The version of a cluster's membership.</summary>
internal sealed class ClusterRow
{
    public required string Cluster { get; set; }

    public int Version { get; set; }

    public required string ETag { get; set; }
}

/// <summary>A silo of a cluster, as <see cref="MembershipEntry"/>.</summary>
internal sealed class MemberRow
{
    public required string Cluster { get; set; }

    public required string Silo { get; set; }

    public required string ETag { get; set; }

    public SiloStatus Status { get; set; }

    public required string Name { get; set; }

    public required string Host { get; set; }

    public int GatewayPort { get; set; }

    public DateTimeOffset Started { get; set; }

    public DateTimeOffset Alive { get; set; }

    /// <summary>Who suspects it and since when: <c>silo time</c>, with semicolons between.</summary>
    public required string Suspicions { get; set; }
}

/// <summary>One state of one grain.</summary>
internal sealed class GrainRow
{
    public required string Service { get; set; }

    public required string Grain { get; set; }

    public required string State { get; set; }

    public required string ETag { get; set; }

    public required byte[] Content { get; set; }
}
