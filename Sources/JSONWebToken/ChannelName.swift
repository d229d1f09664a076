/// The rule for a channel's name, for the claim of a token and for a name given on the command line.
public enum ChannelName {
    /// The global stream's suffix (DESIGN 1.1).
    private static let reserved = Array("full".utf8)

    /// Why the name cannot be a channel's, or nil if it can.
    /// - Parameter name: in UTF-8, which is not checked here.
    public static func refusal(of name: [UInt8]) -> Refusal? {
        if name.isEmpty { return .channelEmpty }
        if name == reserved { return .channelReserved }
        if name.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return .channelNotText }
        return nil
    }
}
