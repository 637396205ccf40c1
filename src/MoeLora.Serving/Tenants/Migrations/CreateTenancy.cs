using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace MoeLora.Serving.Tenants.Migrations;

/// <summary>The first tables. No column names a store type: each database chooses its own for the CLR type.</summary>
[DbContext(typeof(TenancyContext))]
[Migration("0001_CreateTenancy")]
internal sealed class CreateTenancy : Migration
{
    protected override void Up(MigrationBuilder migration)
    {
        migration.CreateTable(
            "tenancy_tenants",
            table => new
            {
                id = table.Column<string>(nullable: false),
                enabled = table.Column<bool>(nullable: false),
                created = table.Column<string>(nullable: false),
                weight = table.Column<double>(nullable: false),
                allowed_tasks = table.Column<string>(nullable: true),
                tokens_per_minute = table.Column<int>(nullable: true),
                requests_per_minute = table.Column<int>(nullable: true),
                concurrent_sequences = table.Column<int>(nullable: true),
            },
            constraints: table => table.PrimaryKey("PK_tenancy_tenants", row => row.id));
        migration.CreateTable(
            "tenancy_keys",
            table => new
            {
                id = table.Column<string>(nullable: false),
                tenant = table.Column<string>(nullable: false),
                label = table.Column<string>(nullable: false),
                roles = table.Column<int>(nullable: false),
                secret_hash = table.Column<string>(nullable: false),
                created = table.Column<string>(nullable: false),
                expires = table.Column<string>(nullable: true),
                revoked = table.Column<string>(nullable: true),
            },
            constraints: table => table.PrimaryKey("PK_tenancy_keys", row => row.id));
        migration.CreateIndex("IX_tenancy_keys_tenant", "tenancy_keys", "tenant");
    }

    protected override void Down(MigrationBuilder migration)
    {
        migration.DropTable("tenancy_keys");
        migration.DropTable("tenancy_tenants");
    }
}
