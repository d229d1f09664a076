import WebSocket

/// What a client offers in `Sec-WebSocket-Extensions`: one field for each line. Several fields are one list, and what is agreed is
/// what a client reads in the answer.
enum ExtensionFuzzing {
    static func finding(in input: [UInt8]) -> String? {
        let fields = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let answer = PerMessageDeflate.answer(fields, policy: PerMessageDeflate.Policy())
        // A quote that is open in one field could be closed in the next, if they were one.
        guard answer != .malformed else { return nil }
        let joined = Array(fields.joined(separator: [UInt8(ascii: ",")]))
        let other = PerMessageDeflate.answer([joined[...]], policy: PerMessageDeflate.Policy())
        guard other == answer else { return "in fields it is \(answer), in one \(other)" }
        guard case .accepted(let agreed, let response) = answer else { return nil }
        guard PerMessageDeflate.deflaterWindowBits.contains(agreed.serverMaxWindowBits),
            PerMessageDeflate.deflaterWindowBits.contains(agreed.clientMaxWindowBits)
        else { return "\(agreed) has a window that there is none of" }
        // A window of its own is to be named only to a client that offered to hear of it; the one here did not.
        var readable = agreed
        readable.clientMaxWindowBits = 15
        let windowless = response.replacing(/; client_max_window_bits=[0-9]+/, with: "")
        guard PerMessageDeflate.agreement([Array(windowless.utf8)[...]]) == readable else {
            return "\(response) is not read as \(agreed)"
        }
        return nil
    }
}
