using MoeLora.Adapters;

namespace MoeLora.Serving.Rollouts;

/// <summary>A request that holds the version that answers it. Each pin is disposed after the last token of its sequence.</summary>
/// <param name="Pin">On the version that answers.</param>
/// <param name="AdapterTask">Its task.</param>
/// <param name="ShadowPin">On a version that gets a copy of the request; null for most requests. See <see cref="ServedVersion.Shadow"/> for where the comparison goes.</param>
internal sealed record RoutedRequest(VersionPin Pin, AdapterTask AdapterTask, VersionPin? ShadowPin);
