using MoeLora.Engine.Generation;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Requests;

/// <summary>A request that was checked against the model and can run.</summary>
internal sealed record AdmittedRequest(ServedTask Task, int[] Prompt, GenerationSettings Settings);
