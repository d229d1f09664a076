import HTTP1

/// An event on its way from a client to Redis: the state of a connection between the head of such a request and its answer.
///
/// Confined to its loop's thread; owned by its connection, and while Redis is asked by that question too.
final class PublishRequest {
    enum State {
        case receiving
        /// Redis has it.
        case writing
    }

    var state = State.receiving
    var body: RequestBodyReader
    /// Channels that its token lists.
    let permitted: [[UInt8]]
    let idempotencyKey: [UInt8]?
    /// Whether the connection goes on behind the answer.
    let keep: Bool
    /// Fields of the answer, for pages.
    let fields: [Response.Field]
    let givenRequestID: [UInt8]?
    private let slot: PublishSlots.Slot

    init(
        body: RequestBodyReader, permitted: [[UInt8]], idempotencyKey: [UInt8]?, keep: Bool, fields: [Response.Field],
        givenRequestID: [UInt8]?, slot: PublishSlots.Slot
    ) {
        self.body = body
        self.permitted = permitted
        self.idempotencyKey = idempotencyKey
        self.keep = keep
        self.fields = fields
        self.givenRequestID = givenRequestID
        self.slot = slot
    }
}
