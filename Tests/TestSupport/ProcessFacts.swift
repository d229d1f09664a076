import Foundation

/// What `/proc` says about this process. Other tests run in it at the same time, so each fact is about something that
/// only one test has.
public enum ProcessFacts {
    /// How many descriptors of this process are TCP sockets of this local port: the listening ones, and those accepted
    /// there.
    public static func sockets(onLocalPort port: UInt16) throws -> Int {
        var inodes: Set<Substring> = []
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            guard let text = read(table) else { continue }
            for line in text.split(separator: "\n").dropFirst() {
                let columns = line.split(separator: " ")
                guard columns.count > 9, let local = columns[1].split(separator: ":").last else { continue }
                if UInt16(local, radix: 16) == port { inodes.insert(columns[9]) }
            }
        }
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        return descriptors.count { number in
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"),
                target.hasPrefix("socket:[")
            else { return false }
            return inodes.contains(target.dropFirst(8).dropLast())
        }
    }

    /// `TCP_USER_TIMEOUT` of this process's socket between the two local ports, in milliseconds.
    public static func userTimeout(ofPeer peer: UInt16, onLocalPort local: UInt16) throws -> Int32 {
        for descriptor in Int32(0)..<4096
        where port(descriptor, getsockname) == local && port(descriptor, getpeername) == peer {
            var value: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &length)
            return value
        }
        throw Failure("there is no socket between the ports \(local) and \(peer)")
    }

    /// CPU time that the threads of these names have used, in clock ticks (10 ms).
    public static func cpuTicks(ofThreads names: Set<String>) throws -> Int {
        try cpuTicks(of: "self") { names.contains($0) }
    }

    /// CPU time that another process has used, in clock ticks (10 ms).
    public static func cpuTicks(ofProcess process: Int32) throws -> Int { try cpuTicks(of: "\(process)") { _ in true } }

    private static func cpuTicks(of process: String, threads isCounted: (String) -> Bool) throws -> Int {
        var ticks = 0
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task") {
            // A thread may end while it is looked at.
            guard let stat = read("/proc/\(process)/task/\(thread)/stat"),
                let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")")
            else { continue }
            guard isCounted(String(stat[stat.index(after: open)..<close])) else { continue }
            // utime and stime: fields 14 and 15, the name being the second.
            let fields = stat[stat.index(after: close)...].split(separator: " ")
            guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { continue }
            ticks += user + system
        }
        return ticks
    }

    /// `String(contentsOfFile:)` ends at the first short read, which with these files is not their end.
    private static func read(_ path: String) -> String? {
        FileHandle(forReadingAtPath: path).map { String(decoding: $0.readDataToEndOfFile(), as: UTF8.self) }
    }
}

/// The port that a call gives for an IPv4 socket; nil for what is none.
func port(
    _ descriptor: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
) -> UInt16? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) }
    }
    return result == 0 && address.sin_family == sa_family_t(AF_INET) ? UInt16(bigEndian: address.sin_port) : nil
}

extension TestSocket {
    /// The port of its own end.
    public func localPort() throws -> UInt16 {
        guard let port = port(descriptor, getsockname) else { throw Failure("the socket has no port") }
        return port
    }
}
