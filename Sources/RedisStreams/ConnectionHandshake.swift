/// What is said first on a connection to Redis: the login, the database, a name.
///
/// Sans-I/O: all commands go out at once, the replies are taken one by one.
public struct ConnectionHandshake: Sendable {
    public enum Step: Equatable, Sendable {
        case send([Command])
        /// More replies are to come.
        case wait
        case ready
        /// Redis is there, says the sentinel that was asked; nothing more is to be said to it.
        case primary(NodeAddress)
        /// A sentence; the password is not in it.
        case failed(String)
    }

    private enum Expectation: Sendable {
        case login
        case database(Int)
        /// An old or restricted server may refuse it; nothing depends on it.
        case name
        /// The server must be a primary.
        case role
        /// Nodes of a cluster are good to know, and no server need have any.
        case nodes
        case primaryAddress(name: String)
    }

    private let commands: [Command]
    private var expected: [Expectation]
    private let password: [UInt8]
    /// The nodes of the cluster that the server belongs to, if it does and was asked; complete when ready.
    public private(set) var nodes: [NodeAddress] = []

    /// - Parameters:
    ///   - username: counts only with a password.
    ///   - password: empty: no `AUTH`.
    ///   - database: 0 is where every connection begins.
    ///   - name: what `CLIENT LIST` shows.
    ///   - question: what is asked besides.
    public init(
        username: String, password: [UInt8], database: Int, name: String = "sluice", question: Question = .none
    ) {
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
        switch question {
        case .none: break
        case .isPrimary:
            commands.append(.role)
            expected.append(.role)
        case .nodes:
            commands.append(.clusterSlots)
            expected.append(.nodes)
        case .primary(let name):
            commands.append(.primaryAddress(name: name))
            expected.append(.primaryAddress(name: name))
        }
        self.commands = commands
        self.expected = expected.reversed()
        self.password = password
    }

    /// What a login ends with.
    public enum Question: Equatable, Sendable {
        case none
        /// The server must say that it is a primary: a sentinel may not have noticed yet that it no longer is.
        case isPrimary
        /// Whether the server belongs to a cluster, and which nodes that has.
        case nodes
        /// The server is a sentinel: where is the primary of this name?
        case primary(name: String)
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
            case .role:
                return .failed("it cannot be told whether this is the primary, because ROLE fails: \(error)")
            case .nodes:
                break
            case .primaryAddress(let name):
                return .failed("the sentinel does not say where the primary \(name) is: \(error)")
            }
            return expected.isEmpty ? .ready : .wait
        }
        switch expectation {
        case .login, .database, .name: break
        case .role:
            guard let role = reply.role else { return .failed("ROLE was answered with something that is no role") }
            if role != "master" { return .failed("this is not the primary; its role is \(role)") }
        case .nodes:
            nodes = reply.clusterNodes
        case .primaryAddress(let name):
            if reply == .null {
                return .failed("the sentinel does not know a primary named \(name) (redis.sentinelName)")
            }
            guard let address = reply.primaryAddress else {
                return .failed("the sentinel's answer is no address of a primary")
            }
            return .primary(address)
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
