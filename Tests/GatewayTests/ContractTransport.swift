import TestSupport

/// A client of the contract, whichever way it is reached.
protocol ContractClient: AnyObject {
    /// The ID that it would come back with; nil before it knows one.
    var lastID: String? { get }
    /// The text of the next event.
    func event(deadline: Deadline) throws -> String
    func close()
}

extension ContractClient {
    func events(_ count: Int, deadline: Deadline = Deadline(seconds: 60)) throws -> [String] {
        try (0..<count).map { _ in try event(deadline: deadline) }
    }
}

/// The three ways in which a session is served.
enum ContractTransport: String, CaseIterable, CustomStringConvertible, Sendable {
    case webSocket, eventStream, polling

    var description: String { rawValue }

    func connect(_ gateway: TestGateway, _ channel: String, lastID: String? = nil) throws -> any ContractClient {
        switch self {
        case .webSocket:
            return ContractWebSocket(try gateway.connect(channel, lastID: lastID), lastID)
        case .eventStream:
            return ContractEventStream(try gateway.stream(channel, lastEventID: lastID))
        case .polling:
            return ContractPolling(try gateway.poller(channel, lastID: lastID))
        }
    }
}

private final class ContractWebSocket: ContractClient {
    private let client: WebSocketClient
    private(set) var lastID: String?

    init(_ client: WebSocketClient, _ lastID: String?) {
        self.client = client
        self.lastID = lastID
    }

    func event(deadline: Deadline) throws -> String {
        let text = try client.event(deadline: deadline)
        lastID = eventID(text)
        return text
    }

    func close() { client.socket.close() }
}

private final class ContractEventStream: ContractClient {
    private let client: EventStreamClient
    var lastID: String? { client.lastEventID }

    init(_ client: EventStreamClient) { self.client = client }

    func event(deadline: Deadline) throws -> String { try client.event(deadline: deadline) }
    func close() { client.socket.close() }
}

private final class ContractPolling: ContractClient {
    private let client: PollingClient
    /// Of the last event that was handed out: what the client has polled beyond that it has not handled.
    private(set) var lastID: String?

    init(_ client: PollingClient) {
        self.client = client
        lastID = client.lastID
    }

    func event(deadline: Deadline) throws -> String {
        let text = try client.event(deadline: deadline)
        lastID = elementID(text)
        return text
    }

    func close() { client.socket.close() }
}
