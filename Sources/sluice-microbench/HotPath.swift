/// A path that events or connections take often, with what it takes to walk it alone. One file each.
protocol HotPath {
    /// Its name in `limits`.
    static var name: String { get }

    /// Makes everything that the steps need; not counted.
    init()

    /// Takes the steps that are counted, the same ones each time.
    /// - Returns: how many there were. A result that is wrong ends the process: what does nothing is fast.
    mutating func walk() -> Int
}

enum Measurement {
    /// Returns the number of steps that were counted.
    static func carryOut(_ type: any HotPath.Type) -> Int {
        var path: any HotPath = type.init()
        // What is made at the first use only is not counted.
        _ = path.walk()
        return withUnsafeMutablePointer(to: &path) { measuredWalk(UnsafeMutableRawPointer($0)) }
    }
}

/// The name that valgrind is told: it counts what happens from entering to leaving this function.
@_cdecl("sluice_microbench_measured")
@inline(never)
func measuredWalk(_ path: UnsafeMutableRawPointer) -> Int {
    // Sound: its only caller, above, gives it a pointer to just that, which outlives the call.
    path.assumingMemoryBound(to: (any HotPath).self).pointee.walk()
}
