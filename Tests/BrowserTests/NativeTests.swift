import Foundation
import TestSupport
import Testing

extension BrowserTests {
    /// Without `sluice.js`.
    @Suite("What browsers have by themselves")
    struct NativeTests {
        @Test(
            "an EventSource gets events, loses the connection, and resumes by itself with Last-Event-ID: each exactly once"
        )
        func eventSource() throws {
            let scene = try Scene()
            try scene.page.run(
                """
                var got = [], opened = 0;
                var source = new EventSource("/events");
                source.onopen = () => opened += 1;
                source.onmessage = (event) => got.push(event.lastEventId);
                0
                """)
            try scene.page.wait("opened === 1")
            var ids = try scene.publish(5)
            try scene.expect(ids)
            scene.proxy.cut()
            try scene.page.wait("source.readyState === EventSource.CONNECTING")
            ids += try scene.publish(5)
            try scene.page.wait("opened === 2")
            ids += try scene.publish(5)
            try scene.expect(ids)
            let resumed = try #require(scene.proxy.requests(.eventStream).last)
            #expect(resumed.contains("Last-Event-ID: \(ids[4])"))
            #expect(try scene.faults() == [])
        }

        @Test("an EventSource that was cut off before its first event misses nothing")
        func beforeFirst() throws {
            let scene = try Scene()
            try scene.publish(3)
            try scene.gateway.settle()
            try scene.page.run(
                """
                var got = [], opened = 0;
                var source = new EventSource("/events");
                source.onopen = () => opened += 1;
                source.onmessage = (event) => got.push(event.lastEventId);
                0
                """)
            try scene.page.wait("opened === 1")
            scene.proxy.cut()
            try scene.page.wait("source.readyState === EventSource.CONNECTING")
            try scene.expectAtEnd(scene.publish(3))
        }

        @Test("a WebSocket gets events, loses the connection, and resumes with last_id: each exactly once")
        func webSocket() throws {
            let scene = try Scene()
            try scene.page.run(
                """
                var got = [], opened = 0, socket;
                var open = () => {
                  socket = new WebSocket(`ws://${location.host}/${got.length ? `?last_id=${got.at(-1)}` : ""}`);
                  socket.onopen = () => opened += 1;
                  socket.onmessage = ({ data }) => got.push(JSON.parse(data).id);
                };
                open();
                """)
            try scene.page.wait("opened === 1")
            var ids = try scene.publish(5)
            try scene.expect(ids)
            scene.proxy.cut()
            try scene.page.wait("socket.readyState === WebSocket.CLOSED")
            ids += try scene.publish(5)
            try scene.page.run("open()")
            try scene.page.wait("opened === 2")
            ids += try scene.publish(5)
            try scene.expect(ids)
            #expect(try #require(scene.proxy.requests(.webSocket).last).hasPrefix("GET /?last_id=\(ids[4]) "))
        }
    }
}
