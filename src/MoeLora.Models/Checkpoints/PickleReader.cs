using System.Buffers.Binary;
using System.Text;

namespace MoeLora.Models.Checkpoints;

/// <summary>
/// The part of Python's pickle machine that a dictionary of tensors needs. It runs nothing: the only calls are those of
/// <see cref="TorchGlobals"/>, and any other opcode or name ends the reading.
/// </summary>
/// <remarks>
/// Every opcode takes at least one byte of the input, so reading ends; stack, memo and text are bounded by the input and by the limits
/// here; nothing recurses, so depth cannot overflow.
/// </remarks>
internal ref struct PickleReader
{
    /// <summary>Values on the stack; Python's writer puts at most 2,000 between two marks.</summary>
    private const int MaxStack = 16_384;
    private const int MaxTextBytes = 65_536;

    /// <summary>An object takes at least this many bytes of a pickle of tensors; the densest that PyTorch writes is six.</summary>
    private const int BytesPerObject = 3;
    private const int MaxGlobalBytes = 256;
    private const int MaxProtocol = 5;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly object True = true;
    private static readonly object False = false;
    private static readonly object[] SmallNumbers = [.. Enumerable.Range(0, 256).Select(number => (object)(long)number)];

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private int _position;
    private int _made;

    private PickleReader(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The one value that the pickle builds.</summary>
    /// <exception cref="CheckpointException">The pickle is damaged or asks for something that a file of tensors does not need; says which opcode at which byte.</exception>
    public static object? Read(ReadOnlySpan<byte> bytes, string file)
    {
        var reader = new PickleReader(bytes);
        int start = 0;
        try
        {
            while (true)
            {
                start = reader._position;
                if (reader.Step((PickleOpcode)reader.Take(1)[0]))
                    return reader.Result();
            }
        }
        catch (PickleFault fault)
        {
            string opcode = start < bytes.Length ? PickleOpcodeNames.Of(bytes[start]) : "the end";
            throw new CheckpointException($"{file}: the pickle cannot be read at byte {start} ({opcode}): {fault.Message}.");
        }
    }

    private readonly int MaxObjects => (_bytes.Length / BytesPerObject) + 1024;

    /// <summary>Carries out one opcode; true after the last.</summary>
    private bool Step(PickleOpcode opcode)
    {
        switch (opcode)
        {
            case PickleOpcode.Proto:
                if (Take(1)[0] > MaxProtocol)
                    throw new PickleFault($"the protocol is newer than {MaxProtocol}");
                break;
            case PickleOpcode.Frame:
                Take(sizeof(ulong));
                break;
            case PickleOpcode.Stop:
                return true;

            case PickleOpcode.None:
                Push(null);
                break;
            case PickleOpcode.NewTrue:
                Push(True);
                break;
            case PickleOpcode.NewFalse:
                Push(False);
                break;
            case PickleOpcode.BinInt:
                PushNumber(BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                break;
            case PickleOpcode.BinInt1:
                PushNumber(Take(1)[0]);
                break;
            case PickleOpcode.BinInt2:
                PushNumber(BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                break;
            case PickleOpcode.Long1:
                PushNumber(TakeLong(Take(1)[0]));
                break;
            case PickleOpcode.BinUnicode:
                Push(TakeText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                break;
            case PickleOpcode.ShortBinUnicode:
                Push(TakeText(Take(1)[0]));
                break;

            case PickleOpcode.Mark:
                if (_marks.Count >= MaxStack)
                    throw new PickleFault($"more than {MaxStack} marks");
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.EmptyTuple:
                Push(Array.Empty<object?>());
                break;
            case PickleOpcode.Tuple:
                PushNew(PopToMark());
                break;
            case PickleOpcode.Tuple1:
                PushNew(PopMany(1));
                break;
            case PickleOpcode.Tuple2:
                PushNew(PopMany(2));
                break;
            case PickleOpcode.Tuple3:
                PushNew(PopMany(3));
                break;
            case PickleOpcode.EmptyDict:
                PushNew(new PickleDict());
                break;
            case PickleOpcode.SetItem:
                SetItems(PopMany(2));
                break;
            case PickleOpcode.SetItems:
                SetItems(PopToMark());
                break;

            case PickleOpcode.BinPut:
                Remember(Take(1)[0]);
                break;
            case PickleOpcode.LongBinPut:
                Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
                break;
            case PickleOpcode.Memoize:
                Remember(_memo.Count);
                break;
            case PickleOpcode.BinGet:
                Push(Recall(Take(1)[0]));
                break;
            case PickleOpcode.LongBinGet:
                Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                break;

            case PickleOpcode.Global:
                string module = TakeLine();
                Push(TorchGlobals.Find(module, TakeLine()));
                break;
            case PickleOpcode.StackGlobal:
                string name = Pop<string>("a name");
                Push(TorchGlobals.Find(Pop<string>("a module's name"), name));
                break;
            case PickleOpcode.BinPersId:
                PushNew(TorchGlobals.Storage(Pop()));
                break;
            case PickleOpcode.Reduce:
                object?[] arguments = Pop<object?[]>("a tuple of arguments");
                PushNew(Pop<PickleFunction>("a function").Call(arguments));
                break;
            case PickleOpcode.Build:
                Pop<PickleDict>("a dictionary of attributes");
                RequireOrderedDict();
                break;

            default:
                throw new PickleFault($"the opcode {PickleOpcodeNames.Of((byte)opcode)} is not allowed in a checkpoint: a checkpoint may only hold tensors");
        }

        return false;
    }

    private readonly object? Result()
    {
        if (_position != _bytes.Length)
            throw new PickleFault($"{_bytes.Length - _position} bytes follow the end");
        if (_stack.Count != 1 || _marks.Count != 0)
            throw new PickleFault($"{_stack.Count} values and {_marks.Count} marks are left where one value should be");
        return _stack[0];
    }

    private ReadOnlySpan<byte> Take(long count)
    {
        if (count > _bytes.Length - _position)
            throw new PickleFault($"{count} bytes are needed but {_bytes.Length - _position} are left");
        ReadOnlySpan<byte> taken = _bytes.Slice(_position, (int)count);
        _position += (int)count;
        return taken;
    }

    private string TakeText(uint count)
    {
        if (count > MaxTextBytes)
            throw new PickleFault($"a text of {count} bytes is over the limit of {MaxTextBytes}");
        try
        {
            return StrictUtf8.GetString(Take(count));
        }
        catch (DecoderFallbackException)
        {
            throw new PickleFault("a text is not valid UTF-8");
        }
    }

    /// <summary>A two's complement number of up to eight bytes, lowest first.</summary>
    private long TakeLong(int count)
    {
        if (count > sizeof(long))
            throw new PickleFault($"a number of {count} bytes is too large");
        ReadOnlySpan<byte> bytes = Take(count);
        long number = count > 0 && (bytes[^1] & 0x80) != 0 ? -1 : 0;
        for (int i = count - 1; i >= 0; i--)
            number = (number << 8) | bytes[i];
        return number;
    }

    private string TakeLine()
    {
        ReadOnlySpan<byte> left = _bytes[_position..Math.Min(_bytes.Length, _position + MaxGlobalBytes)];
        int length = left.IndexOf((byte)'\n');
        if (length < 0)
            throw new PickleFault($"a name of at most {MaxGlobalBytes} bytes must end with a line feed");
        return Encoding.Latin1.GetString(Take(length + 1)[..length]);
    }

    private readonly void Push(object? value)
    {
        if (_stack.Count >= MaxStack)
            throw new PickleFault($"more than {MaxStack} values on the stack");
        _stack.Add(value);
    }

    /// <summary>Pushes an object that was made for it; a pickle that does nothing but make them would take many times its size.</summary>
    private void PushNew(object made)
    {
        if (++_made > MaxObjects)
            throw new PickleFault("there are more objects than a file of tensors has in as many bytes");
        Push(made);
    }

    private readonly void PushNumber(long number) => Push(number is >= 0 and < 256 ? SmallNumbers[number] : number);

    private readonly object? Pop()
    {
        RequireAboveMark(1);
        object? value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly T Pop<T>(string what)
        where T : class =>
        Pop() as T ?? throw new PickleFault($"{what} is needed");

    private readonly object?[] PopMany(int count)
    {
        RequireAboveMark(count);
        object?[] values = [.. System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_stack)[^count..]];
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private readonly object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw new PickleFault("there is no mark");
        int count = _stack.Count - _marks[^1];
        object?[] values = PopMany(count);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    /// <summary>An opcode may not reach below the last mark.</summary>
    private readonly void RequireAboveMark(int count)
    {
        int floor = _marks.Count == 0 ? 0 : _marks[^1];
        if (_stack.Count - floor < count)
            throw new PickleFault($"{count} values are needed but {_stack.Count - floor} are there");
    }

    private readonly void SetItems(object?[] pairs)
    {
        if (pairs.Length % 2 != 0)
            throw new PickleFault("a key without a value");
        RequireAboveMark(1);
        if (_stack[^1] is not PickleDict target)
            throw new PickleFault("a dictionary is needed");
        for (int i = 0; i < pairs.Length; i += 2)
            target.Set(pairs[i], pairs[i + 1]);
    }

    /// <summary>Attributes of an OrderedDict (PyTorch's <c>_metadata</c> of versions) are read and dropped: no weight depends on them.</summary>
    private readonly void RequireOrderedDict()
    {
        RequireAboveMark(1);
        if (_stack[^1] is not PickleDict { Ordered: true })
            throw new PickleFault("only an OrderedDict may have attributes in a checkpoint");
    }

    private readonly void Remember(long index)
    {
        RequireAboveMark(1);
        if (index == _memo.Count && index < MaxObjects)
            _memo.Add(_stack[^1]);
        else if (index < _memo.Count)
            _memo[(int)index] = _stack[^1];
        else
            throw new PickleFault($"memo {index} is set before memo {_memo.Count}, or there are too many");
    }

    private readonly object? Recall(long index) =>
        index < _memo.Count ? _memo[(int)index] : throw new PickleFault($"memo {index} is not set");
}
