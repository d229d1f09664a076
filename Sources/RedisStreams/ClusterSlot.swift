/// The slots of a Redis cluster: which of the 16,384 a key belongs to (Redis cluster specification, "Key distribution
/// model" and "Hash tags").
public enum ClusterSlot {
    /// The slot of a key: the CRC16 of the key, or of its hash tag, the first non-empty part in braces, if it has one.
    public static func of(_ key: [UInt8]) -> UInt16 {
        let open = UInt8(ascii: "{")
        let close = UInt8(ascii: "}")
        if let start = key.firstIndex(of: open), let end = key[(start + 1)...].firstIndex(of: close), end > start + 1 {
            return crc16(key[(start + 1)..<end]) & 0x3FFF
        }
        return crc16(key[...]) & 0x3FFF
    }

    /// CRC-16/XMODEM: polynomial 0x1021, from 0, bits not reflected.
    static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
        }
        return crc
    }
}
