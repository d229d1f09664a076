import Gateway

/// The header of the PROXY protocol: what is said of its first bytes stands, whatever comes behind them.
enum ProxyHeaderFuzzing {
    static func finding(in input: [UInt8]) -> String? {
        let input = input.prefix(2 * ProxyHeader.maxBytes)
        var decided: (after: Int, ProxyHeader)?
        for count in 0...input.count {
            let outcome = input.prefix(count).withUnsafeBytes { ProxyHeader.parse($0) }
            if let (after, earlier) = decided {
                guard outcome == earlier else {
                    return "after \(after) bytes it is \(earlier), after \(count) it is \(outcome)"
                }
                continue
            }
            switch outcome {
            case .needMore:
                guard count <= ProxyHeader.maxBytes else { return "after \(count) bytes more are wanted" }
                continue
            case .header(_, let length):
                guard length == count else { return "a header of \(length) bytes was found after \(count)" }
            case .invalid:
                break
            }
            decided = (count, outcome)
        }
        return nil
    }
}
