import EventLoop
import WebSocket

/// Accepts connections. Confined to its loop's thread, as are its connections, which the loop keeps alive.
final class EchoServer: ReadinessHandler {
    let loop: EventLoop
    private let listener: Listener
    let maxMessageBytes: Int
    /// What one read may fill; nothing in it is kept from one call to the next.
    let inputBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    init(loop: EventLoop, listener: Listener, maxMessageBytes: Int) {
        self.loop = loop
        self.listener = listener
        self.maxMessageBytes = maxMessageBytes
    }

    deinit { inputBuffer.deallocate() }

    func handle(_ ready: Ready) {
        while case .accepted(let stream, _) = listener.accept() {
            EchoConnection(server: self, stream: stream).start()
        }
    }
}
