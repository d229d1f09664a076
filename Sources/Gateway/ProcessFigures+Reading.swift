import Configuration
import Glibc
import Metrics

extension ProcessFigures {
    /// The process as it is now, from `/proc` and the kernel's clocks: a few system calls, none of which takes longer the
    /// more connections there are.
    init(of context: GatewayContext) {
        self.init()
        version = Gateway.version
        eventLoops = context.loopCount
        historyCapacityBytes = context.settings.historyBytes
        startMilliseconds = Self.processStart
        cpuMilliseconds = Self.milliseconds(CLOCK_PROCESS_CPUTIME_ID)
        // The second number is the pages in RAM (proc(5)).
        let pages = Self.read("/proc/self/statm").split(separator: UInt8(ascii: " ")).dropFirst().first
        residentBytes = (pages.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
        var directory = stat()
        // Counting the entries would take as long as there are connections.
        if stat("/proc/self/fd", &directory) == 0, directory.st_size > 0 { openDescriptors = Int(directory.st_size) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maxDescriptors = Int(clamping: limit.rlim_cur)
        }
    }

    /// When the process began: it does not change, so it is looked up once.
    private static let processStart: Int = {
        // The 22nd field, in ticks since the machine's start; the name, which is the second, may have blanks and brackets.
        let stat = read("/proc/self/stat")
        guard let bracket = stat.lastIndex(of: UInt8(ascii: ")")) else { return 0 }
        let fields = stat[stat.index(after: bracket)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let ticks = Int(String(decoding: fields[19], as: UTF8.self)) else { return 0 }
        let sinceBoot = ticks * 1000 / max(sysconf(Int32(_SC_CLK_TCK)), 1)
        return milliseconds(CLOCK_REALTIME) - milliseconds(CLOCK_BOOTTIME) + sinceBoot
    }()

    private static func milliseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        _ = clock_gettime(clock, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// The beginning of a small file; empty if it cannot be read.
    private static func read(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(Glibc.read(descriptor, buffer.baseAddress, buffer.count), 0)
        }
    }
}
