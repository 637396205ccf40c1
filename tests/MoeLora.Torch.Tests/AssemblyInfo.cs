// Every test drives all cores.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
