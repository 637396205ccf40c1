using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Tasks;
using static MoeLora.Grid.Tests.Silos.Reported;

namespace MoeLora.Grid.Tests.Placement;

/// <summary>Random clusters that get random tasks, with reports that come only now and then, against what must hold whatever they are.</summary>
public sealed class SiloChoiceModelTests
{
    private const int Clusters = 1000;

    [Fact]
    public void Choose_RandomClusters_NeverOverMemoryNeverWithoutTheBaseOrTheBank()
    {
        int placed = 0, refused = 0;
        for (int seed = 0; seed < Clusters; seed++)
        {
            var cluster = ModelCluster.Draw(new Random(seed), scarce: true);
            cluster.PlaceAll();
            placed += cluster.Silos.Sum(silo => silo.Keys.Count);
            refused += cluster.Refused.Count;

            foreach (ModelSilo silo in cluster.Silos)
            {
                Assert.True(silo.UsedBytes <= silo.MemoryBytes, $"Seed {seed}: {silo.Name} holds {silo.UsedBytes} of {silo.MemoryBytes} bytes.");
                Assert.All(silo.Keys, key => Assert.Contains(cluster.Banks[key.Bank], silo.Bases));
                Assert.All(silo.Keys, key => Assert.Contains(key.Bank, silo.Held));
                Assert.True(silo.Keys.Count == 0 || (silo.Phase == GridPhase.Ready), $"Seed {seed}: {silo.Name} takes no requests.");
            }

            // What was refused has nowhere to go even now that every silo counts exactly what it holds.
            foreach (TaskKey key in cluster.Refused)
                Assert.All(cluster.Silos, silo => Assert.NotNull(SiloChoice.FindLack(key, cluster.Banks[key.Bank], new SiloCandidate(silo.Report()), cluster.Options)));
        }

        // The model must reach both outcomes to mean anything.
        Assert.True(placed > 20 * Clusters && refused > Clusters, $"{placed} placed, {refused} refused.");
    }

    [Fact]
    public void Choose_RandomClusters_EveryTaskGoesWithinAFifthOfTheLeastLoad()
    {
        for (int seed = 0; seed < Clusters; seed++)
        {
            var cluster = ModelCluster.Draw(new Random(seed), scarce: false);
            // By what silos really hold at that moment, which placement knows only from reports that lag. One task is the least that can be placed.
            cluster.OnPlaced = (key, home) =>
            {
                double least = cluster.Silos.Where(silo => silo.Phase == GridPhase.Ready && silo.Bases.Contains(cluster.Banks[key.Bank])).Min(silo => silo.RelativeLoad);
                Assert.True(home.RelativeLoad <= (1.2 * least) + (1.0 / home.MemoryBytes), $"Seed {seed}: {key} went to {home.Name}, which has {home.RelativeLoad / least:0.00} times the load of the least busy silo.");
            };
            cluster.PlaceAll();
            Assert.Empty(cluster.Refused);
        }
    }

    [Fact]
    public void Choose_RandomClustersOfLikeSilos_EndBalancedWithinAFifth()
    {
        for (int seed = 0; seed < Clusters; seed++)
        {
            var cluster = ModelCluster.Draw(new Random(seed), scarce: false, alike: true);
            cluster.PlaceAll();

            ModelSilo[] ready = [.. cluster.Silos.Where(silo => silo.Phase == GridPhase.Ready)];
            double least = ready.Min(silo => silo.RelativeLoad);
            // A silo that had more than its share from the start gets nothing, and is not to blame.
            foreach (ModelSilo silo in ready.Where(silo => silo.Keys.Count > 0))
                Assert.True(silo.RelativeLoad <= (1.2 * least) + (1.0 / silo.MemoryBytes), $"Seed {seed}: {silo.Name} has {silo.RelativeLoad / least:0.00} times the load of the least busy one.");
        }
    }

    [Fact]
    public void Choose_ReplicasOfOneTask_NeverTwoOnASiloWhileAnotherIsEligible()
    {
        for (int seed = 0; seed < Clusters; seed++)
        {
            var cluster = ModelCluster.Draw(new Random(seed), scarce: false);
            cluster.Keys = [.. cluster.Keys.Take(20).SelectMany(key => Enumerable.Range(0, 3).Select(replica => key with { Replica = replica }))];
            cluster.PlaceAll();

            foreach (IGrouping<(string Bank, string Task), TaskKey> task in cluster.Keys.GroupBy(key => (key.Bank, key.Task)))
            {
                int eligible = cluster.Silos.Count(silo => silo.Phase == GridPhase.Ready && silo.Bases.Contains(cluster.Banks[task.Key.Bank]));
                int used = cluster.Silos.Count(silo => silo.Keys.Exists(key => (key.Bank, key.Task) == task.Key));
                Assert.Equal(Math.Min(3, eligible), used);
            }
        }
    }

    private sealed class ModelSilo
    {
        public const long BankBytes = 64 * Mega;

        private long _number;

        public required string Name { get; init; }

        public required long MemoryBytes { get; init; }

        public required long BaseBytes { get; init; }

        public required string[] Bases { get; init; }

        public required GridPhase Phase { get; init; }

        public required int Running { get; init; }

        public required PlacementOptions Options { get; init; }

        public required IReadOnlyDictionary<string, string> Banks { get; init; }

        /// <summary>The banks that it follows.</summary>
        public required HashSet<string> Held { get; init; }

        public List<TaskKey> Keys { get; } = [];

        public SiloReport Last { get; private set; } = null!;

        public long UsedBytes => BaseBytes + (Held.Count * BankBytes) + (Keys.Count * Options.TaskBytes);

        public double RelativeLoad => (Running + Keys.Count) / (double)MemoryBytes;

        public SiloReport Report() => Last = new SiloReport
        {
            Silo = Name,
            Node = Name,
            Number = ++_number,
            Phase = Phase,
            DeviceKind = "cpu",
            MemoryBytes = MemoryBytes,
            FreeBytes = MemoryBytes - UsedBytes,
            Bases = [.. Bases.Select((hash, index) => new BaseReport(hash, hash[..1], "cpu", index == 0 ? Running : 0, 0))],
            Banks = [.. Held.Select(bank => Bank(bank, baseModel: Banks[bank]))],
            Tasks = [.. Keys.Select(key => new TaskReport(key.ToString(), 0))],
            TaskCount = Keys.Count,
        };
    }

    private sealed class ModelCluster
    {
        private readonly Random _random;

        private ModelCluster(Random random) => _random = random;

        public PlacementOptions Options { get; } = new() { TaskBytes = Mega, ReserveBytes = 0 };

        public required Dictionary<string, string> Banks { get; init; }

        public required List<ModelSilo> Silos { get; init; }

        public required List<TaskKey> Keys { get; set; }

        public List<TaskKey> Refused { get; } = [];

        /// <summary>Told of each placement.</summary>
        public Action<TaskKey, ModelSilo> OnPlaced { get; set; } = (_, _) => { };

        /// <param name="random">Draws everything.</param>
        /// <param name="scarce">Whether memory can run out; otherwise all silos have enough and hold the banks of their bases, as they do after a publish.</param>
        /// <param name="alike">Whether all silos have all base models.</param>
        public static ModelCluster Draw(Random random, bool scarce, bool alike = false)
        {
            string[] hashes = [BaseA, BaseB, new('c', 64)];
            Dictionary<string, string> banks = Enumerable.Range(0, random.Next(1, 5)).ToDictionary(bank => $"bank-{bank}", _ => hashes[random.Next(hashes.Length)]);
            var cluster = new ModelCluster(random) { Banks = banks, Silos = [], Keys = [] };
            int count = random.Next(1, 9);
            for (int i = 0; i < count; i++)
            {
                // The first silo has everything, so that without scarcity nothing is refused.
                string[] bases = i == 0 || alike ? hashes : [.. hashes.Where(_ => random.Next(2) == 0)];
                long baseBytes = bases.Length * 100 * Mega;
                string[] possible = [.. banks.Where(bank => bases.Contains(bank.Value)).Select(bank => bank.Key)];
                HashSet<string> held = [.. scarce ? possible.Where(_ => random.Next(3) > 0) : possible];
                long heldBytes = held.Count * ModelSilo.BankBytes;
                cluster.Silos.Add(new ModelSilo
                {
                    Name = $"silo-{i}",
                    MemoryBytes = baseBytes + heldBytes + (scarce ? random.Next(0, 200) : random.Next(2000, 16000)) * Mega,
                    BaseBytes = baseBytes,
                    Bases = bases,
                    Phase = i > 0 && random.Next(10) == 0 ? GridPhase.Stopping : GridPhase.Ready,
                    Running = random.Next(10),
                    Options = cluster.Options,
                    Banks = banks,
                    Held = held,
                });
            }

            string[] names = [.. banks.Keys];
            cluster.Keys = [.. Enumerable.Range(0, scarce ? random.Next(1, 200) : random.Next(20 * count, 40 * count)).Select(task => new TaskKey(names[random.Next(names.Length)], $"task-{task}", 0))];
            return cluster;
        }

        public void PlaceAll()
        {
            var recent = new RecentPlacements();
            foreach (ModelSilo silo in Silos)
                silo.Report();
            foreach (TaskKey key in Keys)
            {
                // A silo reports after about every tenth placement, so that placement works with reports that lag.
                foreach (ModelSilo silo in Silos.Where(_ => _random.Next(10) == 0))
                    silo.Report();
                SiloCandidate? chosen = SiloChoice.Choose(key, Banks[key.Bank], Silos.Select(silo => recent.Describe(key, silo.Last)), Options, _random);
                if (chosen is null)
                {
                    foreach (ModelSilo silo in Silos)
                    {
                        silo.Report();
                        silo.Report();
                    }

                    chosen = SiloChoice.Choose(key, Banks[key.Bank], Silos.Select(silo => recent.Describe(key, silo.Last)), Options, _random);
                }

                if (chosen is null)
                {
                    Refused.Add(key);
                    continue;
                }

                recent.Add(key, chosen.Report, Options.TaskBytes);
                ModelSilo home = Silos.Single(silo => silo.Name == chosen.Report.Silo);
                home.Keys.Add(key);
                OnPlaced(key, home);
            }
        }
    }
}
