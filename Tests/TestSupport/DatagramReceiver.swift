import Glibc

/// A UDP socket that keeps what it is sent: a StatsD server, for tests.
public final class DatagramReceiver {
    private let descriptor: Int32
    public let port: UInt16

    /// - Parameter port: 0 for any free one.
    public init(port: UInt16 = 0) throws {
        let made = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        descriptor = made
        guard made >= 0 else { throw Failure("socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(made, $0, length) == 0 && getsockname(made, $0, &length) == 0
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        guard bound else { throw Failure("bind to port \(port): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// The next datagram.
    public func datagram(deadline: Deadline = Deadline()) throws -> String {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, deadline.millisecondsLeft) <= 0 {
            guard !deadline.isOver else { throw Failure("no datagram came before the deadline") }
        }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw Failure("receiving failed: errno \(errno)") }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The lines of all datagrams that have come and were not read.
    public func waitingLines() throws -> [String] {
        var lines: [String] = []
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, 0) > 0 {
            let datagram = try datagram()
            guard datagram.utf8.count <= 1432 else { throw Failure("a datagram of \(datagram.utf8.count) bytes") }
            lines += datagram.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return lines
    }

    /// The next so many lines, however they are spread over datagrams.
    public func lines(_ count: Int) throws -> [String] {
        var lines: [String] = []
        while lines.count < count {
            lines += try datagram().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return lines
    }
}
