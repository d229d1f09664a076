/// What is fed bytes at random, and what must hold of it: one case for each parser of more than a few lines
/// that meets bytes from outside.
///
/// `make fuzz` lets libFuzzer look for inputs; the suite in `Tests/FuzzTests` gives each target the committed ones
/// (`Tests/Fuzz/Corpora`), found ones among them.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case httpHead = "http-head"
    case requestBody = "request-body"
    case webSocket = "websocket"
    case compressedMessages = "compressed-messages"
    case extensions
    case eventStream = "event-stream"
    case proxyHeader = "proxy-header"
    case token
    case tokenClaims = "token-claims"
    case keyFile = "key-file"
    case eventJSON = "event-json"
    case redisReply = "redis-reply"
    case configuration

    /// Feeds the input. Returns a sentence on what does not hold; nil when all is well. A crash is a finding of its own.
    public func finding(in input: [UInt8]) -> String? {
        switch self {
        case .httpHead: HTTPHeadFuzzing.finding(in: input)
        case .requestBody: RequestBodyFuzzing.finding(in: input)
        case .webSocket: WebSocketFuzzing.finding(in: input)
        case .compressedMessages: CompressedMessageFuzzing.finding(in: input)
        case .extensions: ExtensionFuzzing.finding(in: input)
        case .proxyHeader: ProxyHeaderFuzzing.finding(in: input)
        case .eventStream: EventStreamFuzzing.finding(in: input)
        case .token: TokenFuzzing.finding(inToken: input)
        case .tokenClaims: TokenFuzzing.finding(inClaims: input)
        case .keyFile: KeyFileFuzzing.finding(in: input)
        case .eventJSON: EventJSONFuzzing.finding(in: input)
        case .redisReply: RedisReplyFuzzing.finding(in: input)
        case .configuration: ConfigurationFuzzing.finding(in: input)
        }
    }
}
