import Testing

@testable import sluice

@Suite("An event to publish")
struct ProducedEventTests {
    private func event(_ channel: String, _ json: String) throws -> String {
        String(decoding: try ProducedEvent.adding(channel: channel, to: Array(json.utf8)), as: UTF8.self)
    }

    @Test(
        "channel_id is put first if it is missing, and nothing else changes",
        arguments: [
            ("c", #"{"a":1}"#, #"{"channel_id": "c", "a":1}"#),
            ("c", #"{ "a" : 2.0 , "b":[ 1 ] }"#, #"{"channel_id": "c", "a" : 2.0 , "b":[ 1 ] }"#),
            ("c", "{}", #"{"channel_id": "c"}"#), ("c", "{ \n }", "{\"channel_id\": \"c\" \n }"),
            ("c", "{\n  \"a\": 1\n}\n", "{\"channel_id\": \"c\",\n  \"a\": 1\n}"),
            ("c", #"{"x":{"channel_id":"d"}}"#, #"{"channel_id": "c", "x":{"channel_id":"d"}}"#),
            (#"q"b\"#, "{}", #"{"channel_id": "q\"b\\"}"#), ("é/漢", "{}", #"{"channel_id": "é/漢"}"#),
        ])
    func inserted(channel: String, json: String, event: String) throws {
        #expect(try self.event(channel, json) == event)
    }

    @Test(
        "an event of this channel stays as it is, but for the space around it",
        arguments: [
            (#"{"channel_id":"c","n":12345678901234567890}"#, #"{"channel_id":"c","n":12345678901234567890}"#),
            (" {\"channel_id\" : \"c\"}\r\n", #"{"channel_id" : "c"}"#),
            (#"{"channel\u005fid":"\u0063"}"#, #"{"channel\u005fid":"\u0063"}"#),
            (#"{"channel_id":"d","channel_id":"c"}"#, #"{"channel_id":"d","channel_id":"c"}"#),
        ])
    func kept(json: String, event: String) throws {
        #expect(try self.event("c", json) == event)
    }

    @Test("an event of another channel is refused, by both names")
    func otherChannel() {
        #expect(
            throws: CommandFailure(
                "The event's channel_id is \"d\", but --channel is \"c\"; the same was expected, or no channel_id.")
        ) {
            try event("c", #"{"channel_id":"d"}"#)
        }
    }

    @Test(
        "what is no JSON object is refused",
        arguments: ["", " \n", "[]", "1", "{", #"{"a":}"#, "{}x", #"{"channel_id":1}"#, "{\"a\":\"\u{1}\"}", "{'a':1}"])
    func refused(json: String) {
        #expect(throws: CommandFailure.self) { try event("c", json) }
    }

    @Test("the example is an event like any other")
    func example() throws {
        #expect(try event("demo", ProducedEvent.example).hasPrefix(#"{"channel_id": "demo", "job_id": ""#))
    }
}
