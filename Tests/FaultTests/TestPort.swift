import Glibc
import TestSupport

/// A free port below those that the kernel gives to outgoing connections, so that nobody takes it while the server that
/// listens there is dead for a moment.
func quietPort() throws -> UInt16 {
    for _ in 0..<200 {
        let port = UInt16.random(in: 20_000...31_999)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: errno \(errno)") }
        defer { close(descriptor) }
        if withLoopback(port, { Glibc.bind(descriptor, $0, $1) }) == 0 { return port }
    }
    throw Failure("no port was free")
}

/// Calls with the address of the port on 127.0.0.1.
func withLoopback<Result>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
