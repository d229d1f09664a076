import EventLog
import WebSocket

/// Events as compressed frames (RFC 7692), for the sockets of one loop that agreed on compression.
///
/// All of them agreed on the same: each message is compressed by itself, with one window. So a frame is made once and sent to
/// all, one compressor serves all, and a socket needs nothing of its own. What clients send is not restored: the gateway
/// ignores it, and only counts its compressed bytes.
///
/// Confined to its loop's thread.
final class DeflatedEvents {
    /// What is agreed on with clients. With a window of 4 KiB the compressor takes some 40 KiB; the events that are larger
    /// compress about as well as with 32 KiB.
    static let policy = PerMessageDeflate.Policy(windowBits: windowBits...windowBits, serverNoContextTakeover: true)
    private static let windowBits = 12
    /// zlib's cheapest: on events of usual length it saves as much as any other.
    private static let level = 1
    private static let memoryLevel = 5

    /// Shorter texts are sent as they are. Of JSON with IDs in it a fifth is saved at this length, and compressing any
    /// message at all costs some microseconds.
    static let leastTextBytes = 128
    /// Frames are kept, for those who lag behind, until so many bytes have come after them.
    static let keptBytes = 256 * 1024

    /// A compressed event as it is sent.
    final class Frame {
        let bytes: UnsafeRawBufferPointer

        /// Nil if the event as it is is no longer.
        fileprivate init?(payload: [UInt8], plainLength: Int) {
            let headerLength = FrameHeader.length(forPayload: payload.count)
            guard headerLength + payload.count < plainLength else { return nil }
            let block = UnsafeMutableRawBufferPointer.allocate(byteCount: headerLength + payload.count, alignment: 1)
            FrameHeader.write(opcode: .text, payloadLength: payload.count, isCompressed: true, into: block)
            UnsafeMutableRawBufferPointer(rebasing: block[headerLength...]).copyBytes(from: payload)
            bytes = UnsafeRawBufferPointer(block)
        }

        deinit { bytes.deallocate() }
    }

    private lazy var deflater = Deflater(
        windowBits: Self.windowBits, level: Self.level, memoryLevel: Self.memoryLevel)
    private var payload: [UInt8] = []
    /// The frames made last, and those made before them: two halves, of which the older is let go as a whole. An event
    /// that does not compress is there without a frame.
    private var recent: [EventNumber: Frame?] = [:]
    private var former: [EventNumber: Frame?] = [:]
    private var recentBytes = 0
    /// How many events it has compressed, those that did not become shorter included.
    private(set) var count = 0

    /// The event's frame; nil if it is sent uncompressed, as any message may be.
    /// - Parameter isReplay: the batch is in no log and its events have no number, nor anybody else to be kept for.
    func frame(_ batch: Batch, _ index: Int, isReplay: Bool) -> Frame? {
        let text = batch.text(index)
        guard text.count >= Self.leastTextBytes else { return nil }
        if isReplay { return make(text, plainLength: batch.entries[index].frameLength) }
        let number = batch.firstNumber + EventNumber(index)
        if let known = recent[number] { return known }
        if let known = former[number] { return known }
        let made = make(text, plainLength: batch.entries[index].frameLength)
        if recentBytes >= Self.keptBytes / 2 {
            former = recent
            recent = [:]
            recentBytes = 0
        }
        recent[number] = .some(made)
        // What the table and the object take is counted as so much, so that many small ones do not add up unseen.
        recentBytes += (made?.bytes.count ?? 0) + 100
        return made
    }

    private func make(_ text: UnsafeRawBufferPointer, plainLength: Int) -> Frame? {
        count += 1
        payload.removeAll(keepingCapacity: payload.capacity <= Self.keptBytes)
        deflater.compress(text, takesContextOver: false, into: &payload)
        return Frame(payload: payload, plainLength: plainLength)
    }
}
