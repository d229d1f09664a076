import RedisStreams

/// Takes the answers to `TIME` and `XINFO STREAM`, asked in this order: what was written between the two has no later time
/// than the clock would say.
struct StandingReader {
    enum Outcome {
        case needMore
        /// - Parameters:
        ///   - info: nil if there is no stream.
        ///   - serverMilliseconds: the server's clock, read before.
        case standing(StreamInfo?, serverMilliseconds: UInt64)
        case refused(ServerError)
        /// A sentence.
        case failed(String)
    }

    private var serverMilliseconds: UInt64?

    static func questions(_ stream: [UInt8]) -> [Command] { [.time, .xinfoStream(stream)] }

    /// Takes what has arrived. Afterwards it is ready for the next two answers.
    mutating func next(_ replies: ReplyReader) -> Outcome {
        while true {
            let reply: Reply
            switch replies.nextReply() {
            case .needMore: return .needMore
            case .protocolError(let text): return .failed(text)
            case .reply(let next): reply = next
            }
            guard let time = serverMilliseconds else {
                serverMilliseconds = reply.serverMilliseconds
                if serverMilliseconds != nil { continue }
                if let text = reply.errorText { return .refused(ServerError(text)) }
                return .failed("TIME was answered with something else than the time")
            }
            serverMilliseconds = nil
            return switch StreamInfo.parse(reply) {
            case .info(let info): .standing(info, serverMilliseconds: time)
            case .missing: .standing(nil, serverMilliseconds: time)
            case .failed(let error): .refused(error)
            }
        }
    }
}
