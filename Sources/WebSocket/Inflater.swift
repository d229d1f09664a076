internal import CZlib

/// Restores compressed messages (RFC 7692 section 7.2.2). Owns zlib's state: about 10 KiB and the window. Used by one thread
/// at a time.
final class Inflater {
    private let stream: UnsafeMutablePointer<z_stream>

    /// What a flush ends in: taken off each message by who sends it (section 7.2.1).
    static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    enum Outcome: Equatable {
        case restored
        /// There is more than `limit` bytes; the output has at most one byte more than that.
        case tooBig
        /// Not DEFLATE, a reference to before the window, or an end within a block.
        case corrupt
    }

    /// - Parameter windowBits: 8...15; how much of what came before is kept. What refers to more than that is corrupt.
    init(windowBits: Int) {
        precondition((8...15).contains(windowBits))
        guard let stream = sluice_inflate_new(Int32(windowBits)) else {
            fatalError("There is no memory to restore compressed messages.")
        }
        self.stream = stream
    }

    deinit { sluice_inflate_free(stream) }

    /// Restores a piece of a message and appends it to `output`, which holds what was restored of the message before.
    func restore(_ piece: UnsafeRawBufferPointer, limit: Int, into output: inout [UInt8]) -> Outcome {
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { chunk in
            var rest = piece
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
                rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
                sluice_stream_input(stream, part.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(part.count))
                let outcome = inflateInput(chunk, limit, &output)
                guard outcome == .restored else { return outcome }
            }
            return .restored
        }
    }

    private func inflateInput(
        _ chunk: UnsafeMutableRawBufferPointer, _ limit: Int, _ output: inout [UInt8]
    ) -> Outcome {
        while true {
            // One byte beyond the limit, to tell a message that is longer from one that just fits.
            let room = min(limit - output.count, chunk.count - 1) + 1
            // Sound: zlib writes at most `avail_out` bytes from `next_out`, which are the first of `chunk`.
            stream.pointee.next_out = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            let written = room - Int(stream.pointee.avail_out)
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<written]))
            guard output.count <= limit else { return .tooBig }
            switch status {
            case Z_OK:
                if stream.pointee.avail_out > 0 { return .restored }
            case Z_BUF_ERROR:
                // Nothing to do: the input is used up, and so is what was decoded.
                return .restored
            case Z_STREAM_END:
                // A block with BFINAL ends nothing here: more blocks follow, which may refer to what came before it
                // (section 7.2.3.5). The window stays.
                inflateResetKeep(stream)
                if stream.pointee.avail_in == 0 { return .restored }
            case Z_DATA_ERROR, Z_NEED_DICT:
                return .corrupt
            default:
                fatalError("There is no memory to restore a compressed message.")
            }
        }
    }

    /// Ends a message: restores what its tail sets free.
    /// - Parameter takesContextOver: the next message may refer back to this one.
    func endMessage(takesContextOver: Bool, limit: Int, into output: inout [UInt8]) -> Outcome {
        let outcome = Self.tail.withUnsafeBytes { restore($0, limit: limit, into: &output) }
        guard outcome == .restored else { return outcome }
        guard sluice_inflate_is_between_blocks(stream) != 0 else { return .corrupt }
        if !takesContextOver { inflateReset(stream) }
        return .restored
    }
}
