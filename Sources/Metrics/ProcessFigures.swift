/// What is known of the process as a whole, beside its loops' counters. A plain value.
public struct ProcessFigures: Sendable, Equatable {
    /// Of the program, such as `0.1.0`.
    public var version = ""
    /// When the process began, in milliseconds since 1970.
    public var startMilliseconds = 0
    /// Time that all threads together have computed, in milliseconds.
    public var cpuMilliseconds = 0
    /// Memory in RAM, shared libraries included.
    public var residentBytes = 0
    /// Descriptors that are open; nil where the kernel does not tell (Linux before 6.2).
    public var openDescriptors: Int?
    /// How many may be open.
    public var maxDescriptors = 0
    /// Threads that serve connections.
    public var eventLoops = 0
    /// What ``LoopCounters/historyBytes`` may come to.
    public var historyCapacityBytes = 0

    /// Nothing known yet.
    public init() {}
}
