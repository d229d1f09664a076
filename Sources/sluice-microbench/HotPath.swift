/// A path that events or connections take often, with what it takes to walk it alone. One file each; what it needs is made in
/// its initialiser, and not counted.
protocol HotPath {
    /// Takes the steps that are counted, the same ones each time.
    /// - Returns: how many there were. A result that is wrong ends the process: what does nothing is fast.
    mutating func walk() -> Int
}

enum Measurement {
    /// Returns the number of steps that were counted.
    static func carryOut(_ path: any HotPath) -> Int {
        var path = path
        // What is made at the first use only is not counted.
        _ = path.walk()
        return withUnsafeMutablePointer(to: &path) { measuredWalk(UnsafeMutableRawPointer($0)) }
    }
}

/// Valgrind is told this name: it counts what happens from entering to leaving this function.
@inline(never)
func measuredWalk(_ path: UnsafeMutableRawPointer) -> Int {
    // Sound: its only caller, above, gives it a pointer to just that, which outlives the call.
    path.assumingMemoryBound(to: (any HotPath).self).pointee.walk()
}
