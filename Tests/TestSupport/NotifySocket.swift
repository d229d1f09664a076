import Foundation

/// The socket of a service manager, as `NOTIFY_SOCKET` names it: keeps what it is told.
public final class NotifySocket {
    /// The value of the variable.
    public let name: String
    private let descriptor: Int32
    private let path: String?

    /// - Parameter isAbstract: in the abstract namespace, else a file in the temporary directory.
    public init(isAbstract: Bool = false) throws {
        let unique = "sluice-notify-" + UUID().uuidString.prefix(8)
        let file = NSTemporaryDirectory() + unique
        path = isAbstract ? nil : file
        name = isAbstract ? "@" + unique : file
        let made = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        descriptor = made
        guard made >= 0 else { throw Failure("socket: errno \(errno)") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = isAbstract ? [0] + Array(unique.utf8) : Array(file.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(made, $0, length) == 0 }
        }
        guard bound else { throw Failure("bind to \(name): errno \(errno)") }
    }

    deinit {
        close(descriptor)
        if let path { unlink(path) }
    }

    /// The assignments of the next datagram: `READY=1`, for example.
    public func next(deadline: Deadline = Deadline()) throws -> [String] {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, deadline.millisecondsLeft) <= 0 {
            guard !deadline.isOver else { throw Failure("the service manager was told nothing before the deadline") }
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw Failure("receiving failed: errno \(errno)") }
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
