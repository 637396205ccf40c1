using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>What must hold for the manifests of one release together. Each problem is a sentence that begins with the object.</summary>
internal sealed partial class ManifestRules(IReadOnlyList<Dictionary<string, object?>> manifests)
{
    private static readonly Dictionary<string, string> Versions = new()
    {
        ["ConfigMap"] = "v1",
        ["Service"] = "v1",
        ["ServiceAccount"] = "v1",
        ["PersistentVolumeClaim"] = "v1",
        ["Pod"] = "v1",
        ["StatefulSet"] = "apps/v1",
        ["Job"] = "batch/v1",
        ["PodDisruptionBudget"] = "policy/v1",
        ["NetworkPolicy"] = "networking.k8s.io/v1",
        ["Ingress"] = "networking.k8s.io/v1",
        ["HorizontalPodAutoscaler"] = "autoscaling/v2",
        ["ScaledObject"] = "keda.sh/v1alpha1",
        ["ServiceMonitor"] = "monitoring.coreos.com/v1",
        ["Issuer"] = "cert-manager.io/v1",
        ["Certificate"] = "cert-manager.io/v1",
    };

    private readonly List<string> _problems = [];

    public IReadOnlyList<string> FindProblems()
    {
        foreach (Dictionary<string, object?> manifest in manifests)
            CheckObject(manifest);
        foreach (IGrouping<string, string> same in manifests.Select(NameOf).GroupBy(name => name).Where(group => group.Count() > 1))
            _problems.Add($"{same.Key} is there twice.");
        foreach (Dictionary<string, object?> set in OfKind("StatefulSet"))
            CheckSet(set);
        foreach (Dictionary<string, object?> manifest in manifests)
        {
            if (PodOf(manifest) is { } pod)
                CheckPod(NameOf(manifest), pod, manifest.List("spec", "volumeClaimTemplates"));
        }

        foreach (Dictionary<string, object?> service in OfKind("Service"))
            CheckService(service);
        foreach (string kind in (string[])["PodDisruptionBudget", "NetworkPolicy"])
        {
            foreach (Dictionary<string, object?> manifest in OfKind(kind))
            {
                Expect(kind == "NetworkPolicy" || manifest.Text("spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow", manifest, "keeps pods that are not ready on their node");
                Expect(Pods(manifest.Map("spec", kind == "NetworkPolicy" ? "podSelector" : "selector", "matchLabels")).Any(), manifest, "selects no pod");
            }
        }

        foreach (Dictionary<string, object?> scaler in OfKind("HorizontalPodAutoscaler").Concat(OfKind("ScaledObject")))
            CheckScaler(scaler);
        foreach (Dictionary<string, object?> ingress in OfKind("Ingress"))
            CheckIngress(ingress);
        foreach (Dictionary<string, object?> monitor in OfKind("ServiceMonitor"))
            CheckMonitor(monitor);
        return _problems;
    }

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    private static partial Regex Name { get; }

    [GeneratedRegex(@"^(?=.{1,317}$)([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
    private static partial Regex LabelKey { get; }

    [GeneratedRegex("^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
    private static partial Regex LabelValue { get; }

    private static string NameOf(Dictionary<string, object?> manifest) => $"{manifest.Text("kind")} {manifest.Text("metadata", "name")}";

    private static Dictionary<string, object?>? PodOf(Dictionary<string, object?> manifest) => manifest.Text("kind") switch
    {
        "Pod" => manifest.Map("spec"),
        "StatefulSet" or "Job" => manifest.Map("spec", "template", "spec"),
        _ => null,
    };

    private IEnumerable<Dictionary<string, object?>> OfKind(string kind) => manifests.Where(manifest => manifest.Text("kind") == kind);

    /// <summary>Pods that are made by sets and whose labels are a selector's.</summary>
    private IEnumerable<Dictionary<string, object?>> Pods(Dictionary<string, object?> selector) =>
        OfKind("StatefulSet").Select(set => set.Map("spec", "template")).Where(pod => selector.Count > 0 && selector.All(label => Equals(pod.At("metadata", "labels", label.Key), label.Value)));

    private void Expect(bool holds, Dictionary<string, object?> manifest, string problem)
    {
        if (!holds)
            _problems.Add($"{NameOf(manifest)} {problem}.");
    }

    private void CheckObject(Dictionary<string, object?> manifest)
    {
        string kind = manifest.Text("kind") ?? "";
        Expect(Versions.TryGetValue(kind, out string? version) && manifest.Text("apiVersion") == version, manifest, $"has the version {manifest.Text("apiVersion")}");
        Expect(Name.IsMatch(manifest.Text("metadata", "name") ?? ""), manifest, "has a name that Kubernetes does not take");
        foreach (Dictionary<string, object?> labels in (Dictionary<string, object?>[])[manifest.Map("metadata", "labels"), manifest.Map("spec", "template", "metadata", "labels")])
        {
            foreach ((string key, object? value) in labels)
                Expect(LabelKey.IsMatch(key) && value is string text && LabelValue.IsMatch(text), manifest, $"has the label {key}: {value}");
        }

        foreach ((string key, object? value) in manifest.Map("metadata", "annotations").Concat(manifest.Map("spec", "template", "metadata", "annotations")))
            Expect(value is string, manifest, $"has an annotation that is no text: {key}");
    }

    private void CheckSet(Dictionary<string, object?> set)
    {
        Expect(OfKind("Service").Any(service => service.Text("metadata", "name") == set.Text("spec", "serviceName") && service.Text("spec", "clusterIP") == "None"), set, "names no headless service");
        Expect(Pods(set.Map("spec", "selector", "matchLabels")).Count() == 1, set, "selects other pods than its own");
        bool scaled = OfKind("HorizontalPodAutoscaler").Concat(OfKind("ScaledObject")).Any(scaler => scaler.Text("spec", "scaleTargetRef", "name") == set.Text("metadata", "name"));
        Expect(scaled != set.Map("spec").ContainsKey("replicas"), set, "has a number of replicas and something that scales it, or neither");
        object? pod = set.At("spec", "template", "spec");
        Dictionary<string, object?> config = YamlTree.Map(ConfigOf(set).Text("data", "silo.yaml")!);
        long needed = (long)config["drain_seconds"]! + long.Parse(pod.Text("containers", "silo", "lifecycle", "preStop", "exec", "command", "1")!, null) + 45;
        CheckCores(set, config);
        Expect(Equals(pod.At("terminationGracePeriodSeconds"), needed), set, $"is killed after {pod.At("terminationGracePeriodSeconds")} s, and needs {needed}");
    }

    // Whole cores, no fewer than are asked for, and none of their threads without one.
    private void CheckCores(Dictionary<string, object?> set, Dictionary<string, object?> config)
    {
        object? resources = set.At("spec", "template", "spec", "containers", "silo", "resources");
        bool whole = long.TryParse(resources.Text("limits", "cpu"), out long cores);
        Expect(whole && long.TryParse(resources.Text("requests", "cpu"), out long asked) && asked <= cores, set, "asks for more cores than its limit, or has no whole ones");
        foreach (object? basis in config.List("bases"))
            Expect(basis.At("threads") is not long threads || threads <= cores, set, $"computes with {basis.At("threads")} threads on {cores} cores");
    }

    private Dictionary<string, object?> ConfigOf(Dictionary<string, object?> set) =>
        OfKind("ConfigMap").Single(map => map.Text("metadata", "name") == set.Text("spec", "template", "spec", "volumes", "config", "configMap", "name"));

    private void CheckPod(string name, Dictionary<string, object?> pod, List<object?> claims)
    {
        string[] volumes = [.. pod.List("volumes").Select(volume => volume.Text("name")!), .. claims.Select(claim => claim.Text("metadata", "name")!)];
        List<object?> containers = [.. pod.List("containers"), .. pod.List("initContainers")];
        string[] mounted = [.. containers.SelectMany(container => container.List("volumeMounts")).Select(mount => mount.Text("name")!).Distinct()];
        Problem(volumes.Distinct().Count() == volumes.Length && volumes.Order().SequenceEqual(mounted.Order()), $"has the volumes {string.Join(", ", volumes)} and mounts {string.Join(", ", mounted)}");
        Problem(Equals(pod.At("automountServiceAccountToken"), false), "gets a token of the cluster's API");
        Problem(Equals(pod.At("securityContext", "runAsNonRoot"), true) && pod.At("securityContext", "runAsUser") is long and > 0, "may run as root");
        Problem(pod.Text("securityContext", "seccompProfile", "type") == "RuntimeDefault", "has no seccomp profile");
        foreach (object? container in containers)
        {
            string image = container.Text("image") ?? "";
            Problem(Regex.IsMatch(image, @"(@sha256:[0-9a-f]{64}|:\d+\.\d+\.\d+)$"), $"runs the image '{image}', which is no exact version");
            Problem(Equals(container.At("securityContext", "readOnlyRootFilesystem"), true) && Equals(container.At("securityContext", "allowPrivilegeEscalation"), false)
                && container.List("securityContext", "capabilities", "drop").SequenceEqual(["ALL"]), $"does not confine {container.Text("name")}");
            Problem(container.Map("resources", "requests").Count > 0 && container.Map("resources", "limits").ContainsKey("memory"), $"asks for no resources for {container.Text("name")}");
            string[] paths = [.. container.List("volumeMounts").Select(mount => mount.Text("mountPath")!)];
            Problem(paths.Distinct().Count() == paths.Length, $"mounts two volumes at one place in {container.Text("name")}");
            foreach (string probe in (string[])["startupProbe", "livenessProbe", "readinessProbe"])
                Problem(container.At(probe) is null || container.List("ports").Any(port => port.Text("name") == container.Text(probe, "httpGet", "port")), $"has a {probe} of a port that is not there");
        }

        foreach (string claim in pod.List("volumes").Select(volume => volume.Text("persistentVolumeClaim", "claimName")).OfType<string>().Where(claim => claim.EndsWith("-models", StringComparison.Ordinal)))
            Problem(OfKind("PersistentVolumeClaim").Any(made => made.Text("metadata", "name") == claim), $"uses the claim {claim}, which the release does not make");

        void Problem(bool holds, string problem)
        {
            if (!holds)
                _problems.Add($"{name} {problem}.");
        }
    }

    private void CheckService(Dictionary<string, object?> service)
    {
        Dictionary<string, object?>[] pods = [.. Pods(service.Map("spec", "selector"))];
        Expect(pods.Length == OfKind("StatefulSet").Count(), service, "does not select every silo");
        foreach (string? port in service.List("spec", "ports").Select(port => port.Text("targetPort")))
            Expect(pods.All(pod => pod.List("spec", "containers", "silo", "ports").Any(own => own.Text("name") == port)), service, $"leads to a port '{port}' that silos do not have");
    }

    private void CheckScaler(Dictionary<string, object?> scaler)
    {
        Expect(OfKind("StatefulSet").Any(set => set.Text("metadata", "name") == scaler.Text("spec", "scaleTargetRef", "name")), scaler, "scales nothing that is there");
        bool keda = scaler.Text("kind") == "ScaledObject";
        Expect((scaler.At("spec", keda ? "minReplicaCount" : "minReplicas"), scaler.At("spec", keda ? "maxReplicaCount" : "maxReplicas")) is (long least, long most) && least <= most, scaler, "has no range of replicas");
    }

    private void CheckIngress(Dictionary<string, object?> ingress)
    {
        object? backend = ingress.At("spec", "rules", "0", "http", "paths", "0", "backend", "service");
        Dictionary<string, object?>? service = OfKind("Service").FirstOrDefault(each => each.Text("metadata", "name") == backend.Text("name"));
        Expect(service?.List("spec", "ports").Any(port => port.Text("name") == backend.Text("port", "name")) == true, ingress, "leads to no service's port");
    }

    private void CheckMonitor(Dictionary<string, object?> monitor)
    {
        Dictionary<string, object?> selector = monitor.Map("spec", "selector", "matchLabels");
        Dictionary<string, object?>[] services = [.. OfKind("Service").Where(service => selector.All(label => Equals(service.At("metadata", "labels", label.Key), label.Value)))];
        Expect(services is [var only] && only.List("spec", "ports").Any(port => port.Text("name") == monitor.Text("spec", "endpoints", "0", "port")), monitor, "does not select exactly the service of administration");
        Expect(monitor.Text("spec", "endpoints", "0", "authorization", "credentials", "name") is { Length: > 0 }, monitor, "has no key");
    }
}
