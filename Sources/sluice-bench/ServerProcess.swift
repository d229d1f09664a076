import Glibc

/// The measured server, seen from outside.
struct ServerProcess: Sendable {
    let id: pid_t
    private let clock: clockid_t

    /// - Throws: a sentence if there is no such process.
    init(id: pid_t) throws(BenchFailure) {
        var clock = clockid_t()
        guard id > 0, clock_getcpuclockid(id, &clock) == 0 else {
            throw BenchFailure("There is no process \(id); --pid wants the server's.")
        }
        self.id = id
        self.clock = clock
    }

    /// The CPU time of all its threads so far, user and system, in nanoseconds. (`/proc/<pid>/stat` has the same in steps of
    /// 10 ms, too coarse for a burst.)
    func cpuNanoseconds() throws(BenchFailure) -> Int64 {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else {
            throw BenchFailure("The server, process \(id), has ended during the measurement; its log should say why.")
        }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Its own memory that is in RAM, in bytes: `RssAnon`, without the program's file and the libraries'.
    func residentBytes() throws(BenchFailure) -> Int64 {
        guard let file = fopen("/proc/\(id)/status", "r") else {
            throw BenchFailure("The server, process \(id), has ended during the measurement; its log should say why.")
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            guard text.hasPrefix("RssAnon:") else { continue }
            let kibibytes = text.split(whereSeparator: { " \t\n".contains($0) }).compactMap { Int64($0) }.first
            if let kibibytes { return kibibytes * 1024 }
        }
        throw BenchFailure("/proc/\(id)/status has no RssAnon, which Linux has since 4.5.")
    }
}
