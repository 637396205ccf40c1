using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace MoeLora.Serving.Tenants.Migrations;

/// <summary>The tables as the last migration leaves them: EF Core refuses to start when the model has moved on without a migration.</summary>
[DbContext(typeof(TenancyContext))]
internal sealed class TenancyContextModelSnapshot : ModelSnapshot
{
    protected override void BuildModel(ModelBuilder model)
    {
        model.Entity("MoeLora.Serving.Tenants.TenantRow", tenant =>
        {
            tenant.ToTable("tenancy_tenants");
            tenant.Property<string>("Id").HasColumnName("id");
            tenant.Property<bool>("Enabled").HasColumnName("enabled");
            tenant.Property<string>("Created").IsRequired().HasColumnName("created");
            tenant.Property<double>("Weight").HasColumnName("weight");
            tenant.Property<string>("AllowedTasks").HasColumnName("allowed_tasks");
            tenant.Property<int?>("TokensPerMinute").HasColumnName("tokens_per_minute");
            tenant.Property<int?>("RequestsPerMinute").HasColumnName("requests_per_minute");
            tenant.Property<int?>("ConcurrentSequences").HasColumnName("concurrent_sequences");
            tenant.HasKey("Id");
        });
        model.Entity("MoeLora.Serving.Tenants.KeyRow", key =>
        {
            key.ToTable("tenancy_keys");
            key.Property<string>("Id").HasColumnName("id");
            key.Property<string>("Tenant").IsRequired().HasColumnName("tenant");
            key.Property<string>("Label").IsRequired().HasColumnName("label");
            key.Property<int>("Roles").HasColumnName("roles");
            key.Property<string>("SecretHash").IsRequired().HasColumnName("secret_hash");
            key.Property<string>("Created").IsRequired().HasColumnName("created");
            key.Property<string>("Expires").HasColumnName("expires");
            key.Property<string>("Revoked").HasColumnName("revoked").IsConcurrencyToken();
            key.HasKey("Id");
            key.HasIndex("Tenant").HasDatabaseName("IX_tenancy_keys_tenant");
        });
    }
}
