import CProcess

/// How glibc's allocator gives memory back.
enum Allocator {
    /// Batches of the log and large replies are of this size and above, bytes.
    private static let largeBlock: Int32 = 128 * 1024
    /// Free memory at the heap's end that is kept, bytes: enough that a burst does not move the end back and forth.
    private static let keptAtEnd: Int32 = 1024 * 1024

    /// Large blocks are always mappings of their own, which go back to the kernel as soon as they are freed.
    ///
    /// glibc begins so, but takes the size of each large block that is freed as the new limit (`M_MMAP_THRESHOLD` in
    /// mallopt(3)), after which the log's batches lie among all else: a full log of 16 MiB then made the process grow by 24
    /// to 35 MB, by chance. To be called before any other thread is started.
    static func keepLargeBlocksApart() {
        // Refused, it would be as without it: more memory.
        _ = mallopt(Int32(SLUICE_M_MMAP_THRESHOLD), largeBlock)
        _ = mallopt(Int32(SLUICE_M_TRIM_THRESHOLD), keptAtEnd)
    }
}
