using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MoeLora.Contracts;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// Hashes a prompt or an answer under the audit key as it comes along: HMAC-SHA-256, the same however the text was cut into pieces.
/// For one answer at a time, by one thread at a time.
/// </summary>
public sealed class AuditHasher : IDisposable
{
    private readonly IncrementalHash _hash;
    private readonly Encoder _encoder = Encoding.UTF8.GetEncoder(); // keeps half a surrogate pair until the next piece
    private readonly byte[] _buffer = new byte[1024];

    /// <summary>Begins.</summary>
    public AuditHasher(AuditKey key) => _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Key);

    /// <summary>The hash of a prompt as <see cref="Contracts.Auditing.AuditEntry.PromptHash"/> lays it down.</summary>
    public static string Hash(AuditKey key, Prompt prompt)
    {
        using var hasher = new AuditHasher(key);
        switch (prompt)
        {
            case TextPrompt text:
                hasher.Append(text.Text);
                break;
            case TokenPrompt tokens:
                hasher.Append(tokens.TokenIds);
                break;
            case ChatPrompt chat:
                foreach (ChatMessage message in chat.Messages)
                {
                    hasher.Append(message.Role switch { ChatRole.System => "system\0", ChatRole.User => "user\0", _ => "assistant\0" });
                    hasher.Append(message.Text);
                    hasher.Append("\0");
                }

                break;
            default:
                throw new ArgumentException("Unknown kind of prompt.", nameof(prompt));
        }

        return hasher.Finish();
    }

    /// <summary>Adds a text in UTF-8.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            _encoder.Convert(text, _buffer, flush: false, out int used, out int written, out _);
            _hash.AppendData(_buffer.AsSpan(0, written));
            text = text[used..];
        }
    }

    /// <summary>Adds token ids as little-endian i32.</summary>
    public void Append(IReadOnlyList<int> tokenIds)
    {
        for (int done = 0; done < tokenIds.Count;)
        {
            int count = Math.Min(tokenIds.Count - done, _buffer.Length / sizeof(int));
            for (int i = 0; i < count; i++)
                BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(i * sizeof(int)), tokenIds[done + i]);
            _hash.AppendData(_buffer.AsSpan(0, count * sizeof(int)));
            done += count;
        }
    }

    /// <summary>The hash of all that was added, in lower-case hexadecimal digits. Begins anew.</summary>
    public string Finish()
    {
        _encoder.Convert([], _buffer, flush: true, out _, out int written, out _);
        _hash.AppendData(_buffer.AsSpan(0, written));
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();
}
