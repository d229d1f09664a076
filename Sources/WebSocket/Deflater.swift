internal import CZlib

/// Compresses messages (RFC 7692 section 7.2.1). Owns zlib's state, from 10 KiB to 256 KiB by window and memory level. Used
/// by one thread at a time.
public final class Deflater {
    private let stream: UnsafeMutablePointer<z_stream>
    /// How many messages it has compressed.
    public private(set) var count = 0

    /// - Parameters:
    ///   - windowBits: within ``PerMessageDeflate/deflaterWindowBits``.
    ///   - level: zlib's, 1 (fast) to 9 (small).
    ///   - memoryLevel: zlib's, 1 to 9. A message that is compressed by itself costs a clearing of the hash table, 2 to the
    ///     power of this plus 8 bytes.
    public init(windowBits: Int = 15, level: Int = 6, memoryLevel: Int = 8) {
        precondition(PerMessageDeflate.deflaterWindowBits.contains(windowBits) && (1...9).contains(level))
        precondition((1...9).contains(memoryLevel))
        guard let stream = sluice_deflate_new(Int32(level), Int32(windowBits), Int32(memoryLevel)) else {
            fatalError("There is no memory for a compressor.")
        }
        self.stream = stream
    }

    deinit { sluice_deflate_free(stream) }

    /// Appends a message's compressed payload to `output`.
    /// - Parameter takesContextOver: the message may refer back to those before it.
    public func compress(_ message: UnsafeRawBufferPointer, takesContextOver: Bool, into output: inout [UInt8]) {
        count += 1
        // Section 7.2.3.6. zlib would write nothing at all for a second flush in a row.
        guard !message.isEmpty else { return output.append(0) }
        if !takesContextOver { deflateReset(stream) }
        let start = output.count
        output.reserveCapacity(start + Int(deflateBound(stream, UInt(min(message.count, 1 << 30)))) + Self.flushBytes)
        var rest = message
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { chunk in
            repeat {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
                sluice_stream_input(
                    stream, piece.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(piece.count))
                // Sound: zlib writes at most `avail_out` bytes from `next_out`, which are those of `chunk`.
                repeat {
                    stream.pointee.next_out = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(chunk.count)
                    let status = deflate(stream, rest.isEmpty ? Z_SYNC_FLUSH : Z_NO_FLUSH)
                    // Z_BUF_ERROR: the flush was complete just when the last chunk was full.
                    precondition(status == Z_OK || status == Z_BUF_ERROR, "zlib's state is broken")
                    let written = chunk.count - Int(stream.pointee.avail_out)
                    output.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<written]))
                } while stream.pointee.avail_out == 0
            } while !rest.isEmpty
        }
        // Section 7.2.1, step 3.
        precondition(
            output.count - start >= 4 && output.suffix(4).elementsEqual(Inflater.tail), "a flush ends in 00 00 FF FF")
        output.removeLast(4)
    }

    /// What a flush adds to what deflateBound() promises for a stream's end.
    private static let flushBytes = 16
}
