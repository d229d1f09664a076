import HTTP1

/// Requests of a connection: the same whatever pieces they come in, and nothing a handler asks of a head may fail.
enum HTTPHeadFuzzing {
    private static let limits = Limits(maxHeadBytes: 2048, maxTargetBytes: 256, maxFields: 20)

    static func finding(in input: [UInt8]) -> String? {
        findingOfCuts(input) { pieces in
            var parser = RequestHeadParser(limits: limits)
            var waiting: [UInt8] = []
            var seen = ""
            for piece in pieces {
                waiting += piece
                while true {
                    switch waiting.withUnsafeBytes({ parser.parse($0) }) {
                    case .needMore:
                        break
                    case .refused(let refusal):
                        return seen + "refused: \(refusal)"
                    case .head(let head, let consumed):
                        guard consumed > 0, consumed <= min(waiting.count, limits.maxHeadBytes) else {
                            return seen + "consumed \(consumed) of \(waiting.count)"
                        }
                        waiting.removeFirst(consumed)
                        seen += describe(head)
                        // What follows is a body, not a head.
                        if head.hasBody { return seen }
                        if !waiting.isEmpty { continue }
                    }
                    break
                }
            }
            return seen
        }
    }

    /// All that a handler may ask.
    private static func describe(_ head: RequestHead) -> String {
        var text = "\(head.method) \(Array(head.methodBytes).shown) \(Array(head.target).shown) 1.\(head.minorVersion)"
        text += " path \(Array(head.path).shown) query \(head.query.map { Array($0).shown } ?? "none")"
        text += " host \(head.host.debugDescription) keep \(head.keepAlive) body \(head.hasBody)"
        text += " last_id \(head.queryParameter("last_id")?.shown ?? "none")"
        text += " cookie \(head.cookies(named: Array("async-token".utf8)).map { Array($0).shown } ?? "none")"
        text += " upgrade \(head.listContains("upgrade", "websocket"))"
        for index in 0..<head.fields.count {
            text += " \(Array(head.fields[index].name).shown)=\(Array(head.fields[index].value).shown)"
        }
        return text + "\n"
    }
}
