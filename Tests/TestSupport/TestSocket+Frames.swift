import Glibc

extension TestSocket {
    /// The next frame of a server, whatever it is.
    public func frame(deadline: Deadline = Deadline()) throws -> WebSocketClient.Frame {
        let head = try read(2, deadline: deadline)
        guard head[1] & 0x80 == 0 else { throw Failure("the server masked a frame") }
        guard head[0] & 0x70 == 0 else { throw Failure("the server set a reserved bit") }
        var length = Int(head[1] & 0x7F)
        if length == 126 {
            length = try read(2, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        } else if length == 127 {
            length = try read(8, deadline: deadline).reduce(0) { $0 << 8 | Int($1) }
        }
        return WebSocketClient.Frame(
            opcode: head[0] & 0x0F, isFinal: head[0] & 0x80 != 0, payload: try read(length, deadline: deadline))
    }

    /// How a stream ends.
    public enum Ending: Equatable {
        /// With a FIN: everything the peer had sent has arrived.
        case finished
        /// With a reset: the peer's last words may be lost.
        case reset
    }

    /// Waits for the end of the stream, before which nothing more may come.
    public func ending(deadline: Deadline = Deadline()) throws -> Ending {
        var byte: UInt8 = 0
        var ending: Ending?
        while ending == nil {
            let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT))
            if count > 0 { throw Failure("a byte came where the end of the stream was expected: \(byte)") }
            if count == 0 {
                ending = .finished
            } else if errno == ECONNRESET {
                ending = .reset
            } else if errno == EAGAIN {
                var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&request, 1, deadline.millisecondsLeft)
                guard !deadline.isOver else { throw Failure("the peer did not close before the deadline") }
            } else if errno != EINTR {
                throw Failure("receiving failed: errno \(errno)")
            }
        }
        let rest = try readToEnd()
        guard rest.isEmpty else { throw Failure("before the end of the stream came \(rest.prefix(200))") }
        return ending ?? .reset
    }

    /// Sends byte by byte, each in a segment of its own.
    public func dribble(_ bytes: [UInt8]) throws {
        for byte in bytes { try send([byte]) }
    }

    public func dribble(_ text: String) throws { try dribble(Array(text.utf8)) }

    /// Sends as much as the peer takes until it takes no more for `milliseconds`. Returns how many bytes that was.
    public func flood(_ bytes: [UInt8], patience milliseconds: Int32 = 300) throws -> Int {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count > 0 {
                offset += count
            } else if errno == EAGAIN {
                var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard poll(&request, 1, milliseconds) > 0 else { return offset }
            } else if errno != EINTR {
                throw Failure("sending failed: errno \(errno)")
            }
        }
        return offset
    }
}

extension WebSocketClient.Frame {
    /// The text behind the code of a close frame.
    public var closeReason: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }
}
