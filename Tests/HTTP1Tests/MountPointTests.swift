import HTTP1
import Testing

@Suite("What lies below a path")
struct MountPointTests {
    @Test(
        "its path is taken off whole, and the query stays",
        arguments: [
            ("/console", ""), ("/console/", "/"), ("/console/events?a=/console", "/events"), ("/console?a=b", ""),
            ("/console//x", "//x"), ("http://h/console/x", "/x"),
        ])
    func below(target: String, rest: String) throws {
        let head = try #require(parseHead("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n", .whole))
        #expect(!head.isBelowMountPoint)
        let below = try #require(head.below("/console"))
        #expect(String(decoding: below.path, as: UTF8.self) == rest)
        #expect(below.isBelowMountPoint)
        #expect(below.query == head.query)
        #expect(below.hasPath("/events") == (rest == "/events"))
    }

    @Test(
        "other paths lie elsewhere",
        arguments: ["/", "/consol", "/consoles", "/x/console", "//console", "/Console", "http://h"])
    func elsewhere(target: String) throws {
        let head = try #require(parseHead("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n", .whole))
        #expect(head.below("/console") == nil)
    }
}
