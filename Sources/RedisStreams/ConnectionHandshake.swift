/// What is said first on a connection to Redis: the login, the database, a name.
///
/// Sans-I/O: all commands go out at once, the replies are taken one by one.
public struct ConnectionHandshake: Sendable {
    public enum Step: Equatable, Sendable {
        case send([Command])
        /// More replies are to come.
        case wait
        case ready
        /// A sentence; the password is not in it.
        case failed(String)
    }

    private enum Expectation: Sendable {
        case login
        case database(Int)
        /// An old or restricted server may refuse it; nothing depends on it.
        case name
    }

    private let commands: [Command]
    private var expected: [Expectation]
    private let password: [UInt8]

    /// - Parameters:
    ///   - username: counts only with a password.
    ///   - password: empty: no `AUTH`.
    ///   - database: 0 is where every connection begins.
    ///   - name: what `CLIENT LIST` shows.
    public init(username: String, password: [UInt8], database: Int, name: String = "sluice") {
        var commands: [Command] = []
        var expected: [Expectation] = []
        if !password.isEmpty {
            commands.append(.auth(username: username, password: password))
            expected.append(.login)
        }
        if database != 0 {
            commands.append(.select(database))
            expected.append(.database(database))
        }
        commands.append(.setName(name))
        expected.append(.name)
        self.commands = commands
        self.expected = expected.reversed()
        self.password = password
    }

    public func start() -> Step { .send(commands) }

    /// Takes the reply to the next of the commands.
    public mutating func receive(_ reply: Reply) -> Step {
        guard let expectation = expected.popLast() else { return .ready }
        if let text = reply.errorText {
            let error = withoutPassword(text)
            switch expectation {
            case .login:
                return .failed(error.description)
            case .database(let number):
                return .failed("the database \(number) of redis.db cannot be selected: \(error)")
            case .name:
                // Whoever may not even name himself because a password is missing is told so here and not later.
                if error.kind == .authentication || error.kind == .loading { return .failed(error.description) }
            }
        }
        return expected.isEmpty ? .ready : .wait
    }

    /// Where `AUTH` is unknown (renamed, or a proxy does not have it), the error repeats its arguments, at times cut short.
    private func withoutPassword(_ text: String) -> ServerError {
        var shown = Array(text.utf8)
        if let arguments = Self.index(of: Array(", with args".utf8), in: shown) { shown.removeSubrange(arguments...) }
        if !password.isEmpty, Self.index(of: password, in: shown) != nil {
            return ServerError(kind: ServerError(text).kind, text: "(not shown, because it repeats the password)")
        }
        return ServerError(String(decoding: shown, as: UTF8.self))
    }

    private static func index(of part: [UInt8], in bytes: [UInt8]) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: part) }
    }
}
