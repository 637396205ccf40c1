using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace MoeLora.Serving.Registry.Migrations;

/// <summary>The tables as the last migration leaves them: EF Core refuses to start when the model has moved on without a migration.</summary>
[DbContext(typeof(RegistryContext))]
internal sealed class RegistryContextModelSnapshot : ModelSnapshot
{
    protected override void BuildModel(ModelBuilder model)
    {
        model.Entity("MoeLora.Serving.Registry.BankRow", bank =>
        {
            bank.ToTable("registry_banks");
            bank.Property<string>("Name").HasColumnName("name");
            bank.Property<string>("Active").HasColumnName("active");
            bank.Property<string>("Previous").HasColumnName("previous");
            bank.Property<long>("Revision").HasColumnName("revision").IsConcurrencyToken();
            bank.HasKey("Name");
        });
        model.Entity("MoeLora.Serving.Registry.VersionRow", version =>
        {
            version.ToTable("registry_versions");
            version.Property<string>("Bank").HasColumnName("bank");
            version.Property<string>("Version").HasColumnName("version");
            version.Property<string>("BundleHash").IsRequired().HasColumnName("bundle_hash");
            version.Property<string>("BaseModelHash").IsRequired().HasColumnName("base_model_hash");
            version.Property<string>("Tasks").IsRequired().HasColumnName("tasks");
            version.Property<string>("State").IsRequired().HasColumnName("state");
            version.Property<double?>("CanaryShare").HasColumnName("canary_share");
            version.Property<string>("CanaryTenants").HasColumnName("canary_tenants");
            version.Property<double?>("ShadowShare").HasColumnName("shadow_share");
            version.Property<string>("Problem").HasColumnName("problem");
            version.Property<string>("Published").IsRequired().HasColumnName("published");
            version.Property<string>("Since").IsRequired().HasColumnName("since");
            version.Property<long>("Revision").HasColumnName("revision").IsConcurrencyToken();
            version.HasKey("Bank", "Version");
        });
        model.Entity("MoeLora.Serving.Registry.ChangeRow", change =>
        {
            change.ToTable("registry_changes");
            change.Property<string>("Bank").HasColumnName("bank");
            change.Property<long>("Number").HasColumnName("number").ValueGeneratedNever();
            change.Property<string>("Version").IsRequired().HasColumnName("version");
            change.Property<string>("From").HasColumnName("from_state");
            change.Property<string>("To").IsRequired().HasColumnName("to_state");
            change.Property<string>("At").IsRequired().HasColumnName("at");
            change.Property<string>("By").IsRequired().HasColumnName("by_subject");
            change.Property<string>("Reason").HasColumnName("reason");
            change.HasKey("Bank", "Number");
        });
    }
}
