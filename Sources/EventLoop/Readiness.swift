/// What a registration waits for.
public struct Interest: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let read = Interest(rawValue: 1)
    public static let write = Interest(rawValue: 2)
}

/// What a descriptor is ready for.
public struct Ready: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A read will not block: bytes, or the end of the stream, or an error.
    public static let readable = Ready(rawValue: 1)
    /// A write will not block: there is room, or it fails at once.
    public static let writable = Ready(rawValue: 2)
    /// The peer has finished sending (`EPOLLRDHUP`) or the connection is gone (`EPOLLHUP`). Unread bytes may still be
    /// there to read.
    public static let hangup = Ready(rawValue: 4)
    /// The descriptor has an error to tell (`EPOLLERR`): the next read or write returns it.
    public static let error = Ready(rawValue: 8)
}

/// Whoever acts on the readiness of a descriptor.
///
/// The loop keeps a handler alive from `register` to `deregister`, and during each call.
public protocol ReadinessHandler: AnyObject {
    /// Called on the loop's thread. May call everything on the loop but `run` and `turn`; it may deregister itself or
    /// others, and those are not called any more, not even for events of the same turn.
    ///
    /// Readiness is level-triggered: a handler that leaves undone what it asked for is called again at once. A
    /// handler told of `.hangup` or `.error` is the one to deregister and close, and it does so when reading or
    /// writing says that the stream has ended. If its interest is empty then, it is told once and not again (no busy
    /// loop) until it asks for something.
    func handle(_ ready: Ready)
}

/// A descriptor's place in a loop. After `deregister` it is void, also when the number is in use again.
public struct Registration: Hashable, Sendable {
    /// The descriptor's number.
    public let descriptor: Int32
    /// Tells this registration from earlier ones of the same number.
    let generation: UInt32

    /// The place of nothing in any loop.
    public static let void = Registration(descriptor: -1, generation: 0)
}
