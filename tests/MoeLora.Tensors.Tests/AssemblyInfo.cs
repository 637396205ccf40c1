// Every test drives all cores, and some count allocated bytes.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
