/// An HTTP answer, read from a socket.
public struct HTTPAnswer {
    public let statusLine: String
    public let fields: [(name: String, value: String)]
    public let body: String

    public var status: Int { Int(statusLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    public func field(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// Reads one answer. - Parameter toHead: no body follows, whatever the length says.
    public static func read(from socket: TestSocket, toHead: Bool = false) throws -> HTTPAnswer {
        let head = try socket.read(through: "\r\n\r\n")
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init)
        let statusLine = lines.removeFirst()
        let fields = lines.map { line -> (name: String, value: String) in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        var body = ""
        if !toHead, let length = fields.first(where: { $0.name.lowercased() == "content-length" }) {
            body = String(decoding: try socket.read(Int(length.value) ?? 0), as: UTF8.self)
        }
        return HTTPAnswer(statusLine: statusLine, fields: fields, body: body)
    }
}
