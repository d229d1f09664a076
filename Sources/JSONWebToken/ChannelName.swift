/// The rule for a channel's name, for the claim of a token and for a name given on the command line.
public enum ChannelName {
    /// The global stream's suffix (DESIGN 1.1).
    private static let reserved = Array("full".utf8)
    /// What the names of the gateway's own keys begin with, behind the streams' prefix: who is there, and what was published
    /// under which `Idempotency-Key`. A channel of such a name would be the same key.
    private static let reservedBeginnings = ["presence:", "idempotency:"].map { Array($0.utf8) }

    /// Why the name cannot be a channel's, or nil if it can.
    /// - Parameter name: in UTF-8, which is not checked here.
    public static func refusal(of name: [UInt8]) -> Refusal? {
        if name.isEmpty { return .channelEmpty }
        if name == reserved || reservedBeginnings.contains(where: { name.starts(with: $0) }) {
            return .channelReserved
        }
        if name.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return .channelNotText }
        return nil
    }
}
