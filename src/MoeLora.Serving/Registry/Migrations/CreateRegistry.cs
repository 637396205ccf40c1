using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace MoeLora.Serving.Registry.Migrations;

/// <summary>The first tables. No column names a store type: each database chooses its own for the CLR type.</summary>
[DbContext(typeof(RegistryContext))]
[Migration("0001_CreateRegistry")]
internal sealed class CreateRegistry : Migration
{
    protected override void Up(MigrationBuilder migration)
    {
        migration.CreateTable(
            "registry_banks",
            table => new
            {
                name = table.Column<string>(nullable: false),
                active = table.Column<string>(nullable: true),
                previous = table.Column<string>(nullable: true),
                revision = table.Column<long>(nullable: false),
            },
            constraints: table => table.PrimaryKey("PK_registry_banks", row => row.name));
        migration.CreateTable(
            "registry_versions",
            table => new
            {
                bank = table.Column<string>(nullable: false),
                version = table.Column<string>(nullable: false),
                bundle_hash = table.Column<string>(nullable: false),
                base_model_hash = table.Column<string>(nullable: false),
                tasks = table.Column<string>(nullable: false),
                state = table.Column<string>(nullable: false),
                canary_share = table.Column<double>(nullable: true),
                canary_tenants = table.Column<string>(nullable: true),
                shadow_share = table.Column<double>(nullable: true),
                problem = table.Column<string>(nullable: true),
                published = table.Column<string>(nullable: false),
                since = table.Column<string>(nullable: false),
                revision = table.Column<long>(nullable: false),
            },
            constraints: table => table.PrimaryKey("PK_registry_versions", row => new { row.bank, row.version }));
        migration.CreateTable(
            "registry_changes",
            table => new
            {
                bank = table.Column<string>(nullable: false),
                number = table.Column<long>(nullable: false),
                version = table.Column<string>(nullable: false),
                from_state = table.Column<string>(nullable: true),
                to_state = table.Column<string>(nullable: false),
                at = table.Column<string>(nullable: false),
                by_subject = table.Column<string>(nullable: false),
                reason = table.Column<string>(nullable: true),
            },
            constraints: table => table.PrimaryKey("PK_registry_changes", row => new { row.bank, row.number }));
    }

    protected override void Down(MigrationBuilder migration)
    {
        migration.DropTable("registry_changes");
        migration.DropTable("registry_versions");
        migration.DropTable("registry_banks");
    }
}
