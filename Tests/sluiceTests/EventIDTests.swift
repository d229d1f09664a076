import EventLog
import Testing

@testable import sluice

@Suite("The id of an event")
struct EventIDTests {
    @Test(
        "the last of the object's own ids that is a stream ID counts",
        arguments: [
            (#"{"id":"17-2"}"#, "17-2"),
            (#"{"id":"17-2", "channel_id": "x", "n": 1.5e3, "t": true, "e": []}"#, "17-2"),
            (#"{"id":"17-2","id":"18-0"}"#, "18-0"),
            (#"{"id":"17-2","id":"mine"}"#, "17-2"),
            (#"{"id":"17-2","id":5,"id":null}"#, "17-2"),
            (#"{"id":"17-2","x":{"id":"99-0"},"y":[{"id":"98-0"}]}"#, "17-2"),
            (#"{"x":"\"id\":\"99-0\"","id":"17-2"}"#, "17-2"),
            (#"{"a\\":"}{","id":"17-2","b":"[{"}"#, "17-2"),
            (#"{"\u0069d":"17\u002d3"}"#, "17-3"),
            (" {\n\"id\"\t:\r\n\"17-2\" } ", "17-2"),
            (#"{"é":"ü","id":"17-2","\u00e9":"\ud83d\ude00"}"#, "17-2"),
            (#"{"id":"18446744073709551615-18446744073709551615"}"#, "18446744073709551615-18446744073709551615"),
        ])
    func found(json: String, id: String) {
        #expect(EventID.last(in: Array(json.utf8))?.description == id)
    }

    @Test(
        "where there is none, none is found",
        arguments: [
            "", "{}", "[]", #""id""#, #"{"ID":"17-2"}"#, #"{"x":{"id":"17-2"}}"#, #"{"id":17}"#, #"{"id":"mine"}"#,
            #"{"id\u00e9":"17-2"}"#, #"["id","17-2"]"#, "null",
        ])
    func none(json: String) {
        #expect(EventID.last(in: Array(json.utf8)) == nil)
    }

    @Test("a text that is cut anywhere is survived")
    func cut() {
        let text = Array(#"{"id":"17-2","x":{"y":["\u00e9\\",{}]},"\u0069d":"18-0"}"#.utf8)
        for length in 0...text.count {
            let id = EventID.last(in: Array(text[..<length]))
            #expect(id == nil || id?.milliseconds == 17 || id?.milliseconds == 18)
        }
    }
}
