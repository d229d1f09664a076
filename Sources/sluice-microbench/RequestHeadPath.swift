import HTTP1

/// The head of a browser's handshake is read. A step is a head.
struct RequestHeadPath: HotPath {
    private let head = Array(Sample.handshake.utf8)

    mutating func walk() -> Int {
        for _ in 0..<100 {
            var parser = RequestHeadParser()
            guard case .head(let request, let consumed) = head.withUnsafeBytes({ parser.parse($0) }),
                consumed == head.count, request.cookies(named: Array("async-token".utf8)) != nil
            else { fatalError("no head") }
        }
        return 100
    }
}
