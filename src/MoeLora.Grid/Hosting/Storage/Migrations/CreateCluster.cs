using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace MoeLora.Grid.Hosting.Storage.Migrations;

/// <summary>The first tables. No column names a store type: each database chooses its own for the CLR type.</summary>
[DbContext(typeof(ClusterContext))]
[Migration("0001_CreateCluster")]
internal sealed class CreateCluster : Migration
{
    protected override void Up(MigrationBuilder migration)
    {
        migration.CreateTable(
            "cluster_versions",
            table => new
            {
                cluster = table.Column<string>(nullable: false),
                version = table.Column<int>(nullable: false),
                etag = table.Column<string>(nullable: false),
            },
            constraints: table => table.PrimaryKey("PK_cluster_versions", row => row.cluster));
        migration.CreateTable(
            "cluster_members",
            table => new
            {
                cluster = table.Column<string>(nullable: false),
                silo = table.Column<string>(nullable: false),
                etag = table.Column<string>(nullable: false),
                status = table.Column<int>(nullable: false),
                name = table.Column<string>(nullable: false),
                host = table.Column<string>(nullable: false),
                gateway_port = table.Column<int>(nullable: false),
                started = table.Column<string>(nullable: false),
                alive = table.Column<string>(nullable: false),
                suspicions = table.Column<string>(nullable: false),
            },
            constraints: table => table.PrimaryKey("PK_cluster_members", row => new { row.cluster, row.silo }));
        migration.CreateTable(
            "cluster_grains",
            table => new
            {
                service = table.Column<string>(nullable: false),
                grain = table.Column<string>(nullable: false),
                state = table.Column<string>(nullable: false),
                etag = table.Column<string>(nullable: false),
                content = table.Column<byte[]>(nullable: false),
            },
            constraints: table => table.PrimaryKey("PK_cluster_grains", row => new { row.service, row.grain, row.state }));
    }

    protected override void Down(MigrationBuilder migration)
    {
        migration.DropTable("cluster_grains");
        migration.DropTable("cluster_members");
        migration.DropTable("cluster_versions");
    }
}
