namespace MoeLora.Deploy.Tests.Charts;

/// <summary>A part of a template.</summary>
internal abstract record TemplateNode;

internal sealed record TextNode(string Text) : TemplateNode;

/// <summary>A pipeline whose value is written, or kept in a variable.</summary>
internal sealed record ActionNode(string? Variable, Pipeline Pipeline) : TemplateNode;

internal sealed record IfNode(Pipeline Condition, IReadOnlyList<TemplateNode> Then, IReadOnlyList<TemplateNode> Else) : TemplateNode;

internal sealed record WithNode(Pipeline Value, IReadOnlyList<TemplateNode> Then, IReadOnlyList<TemplateNode> Else) : TemplateNode;

internal sealed record RangeNode(string? Variable, Pipeline Items, IReadOnlyList<TemplateNode> Body) : TemplateNode;

/// <summary>Commands, each of which gets the value of the one before as its last argument.</summary>
internal sealed record Pipeline(IReadOnlyList<Command> Commands);

/// <summary>A function with arguments, or one operand alone.</summary>
internal sealed record Command(string? Function, IReadOnlyList<Operand> Arguments);

/// <summary>A value in a pipeline.</summary>
internal abstract record Operand;

internal sealed record LiteralOperand(object? Value) : Operand;

/// <summary><c>$name.a.b</c>, or <c>.a.b</c> where the variable is null; <c>$</c> has an empty name.</summary>
internal sealed record FieldOperand(string? Variable, IReadOnlyList<string> Path) : Operand;

internal sealed record PipelineOperand(Pipeline Pipeline) : Operand;
