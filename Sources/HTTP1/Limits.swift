/// How much of a head is read before it is refused.
public struct Limits: Sendable, Equatable {
    /// The whole head in bytes, from the first byte to the empty line's end; beyond it 431.
    public var maxHeadBytes: Int
    /// The request target in bytes; beyond it 414.
    public var maxTargetBytes: Int
    /// Field lines; beyond it 431.
    public var maxFields: Int

    /// 16 KiB for the head and 100 fields are what common servers take; 8192 bytes for the target is what RFC 9112
    /// section 3 recommends as the least (8000), rounded up.
    public init(maxHeadBytes: Int = 16_384, maxTargetBytes: Int = 8192, maxFields: Int = 100) {
        // Offsets into a head are kept in 32 bits.
        self.maxHeadBytes = min(max(maxHeadBytes, 0), Int(Int32.max))
        self.maxTargetBytes = max(maxTargetBytes, 0)
        self.maxFields = max(maxFields, 0)
    }
}
