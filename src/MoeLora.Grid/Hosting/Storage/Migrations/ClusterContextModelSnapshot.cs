using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace MoeLora.Grid.Hosting.Storage.Migrations;

/// <summary>The tables as the last migration leaves them: EF Core refuses to start when the model has moved on without a migration.</summary>
[DbContext(typeof(ClusterContext))]
internal sealed class ClusterContextModelSnapshot : ModelSnapshot
{
    protected override void BuildModel(ModelBuilder model)
    {
        model.Entity("MoeLora.Grid.Hosting.Storage.ClusterRow", cluster =>
        {
            cluster.ToTable("cluster_versions");
            cluster.Property<string>("Cluster").HasColumnName("cluster");
            cluster.Property<int>("Version").HasColumnName("version");
            cluster.Property<string>("ETag").IsRequired().HasColumnName("etag");
            cluster.HasKey("Cluster");
        });
        model.Entity("MoeLora.Grid.Hosting.Storage.MemberRow", member =>
        {
            member.ToTable("cluster_members");
            member.Property<string>("Cluster").HasColumnName("cluster");
            member.Property<string>("Silo").HasColumnName("silo");
            member.Property<string>("ETag").IsRequired().HasColumnName("etag");
            member.Property<int>("Status").HasColumnName("status");
            member.Property<string>("Name").IsRequired().HasColumnName("name");
            member.Property<string>("Host").IsRequired().HasColumnName("host");
            member.Property<int>("GatewayPort").HasColumnName("gateway_port");
            member.Property<string>("Started").IsRequired().HasColumnName("started");
            member.Property<string>("Alive").IsRequired().HasColumnName("alive");
            member.Property<string>("Suspicions").IsRequired().HasColumnName("suspicions");
            member.HasKey("Cluster", "Silo");
        });
        model.Entity("MoeLora.Grid.Hosting.Storage.GrainRow", grain =>
        {
            grain.ToTable("cluster_grains");
            grain.Property<string>("Service").HasColumnName("service");
            grain.Property<string>("Grain").HasColumnName("grain");
            grain.Property<string>("State").HasColumnName("state");
            grain.Property<string>("ETag").IsRequired().HasColumnName("etag");
            grain.Property<byte[]>("Content").IsRequired().HasColumnName("content");
            grain.HasKey("Service", "Grain", "State");
        });
    }
}
