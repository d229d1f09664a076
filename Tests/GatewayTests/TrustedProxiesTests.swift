import EventLoop
import Testing

@testable import Gateway

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    private func client(_ fields: String...) throws -> String? {
        let proxies = try TrustedProxies(["10.0.0.0/8", "2001:db8::/32"])
        return proxies.client(forwardedFor: fields.map { Array($0.utf8)[...] }).map { "\($0)" }
    }

    @Test("the client is the last address that is not a trusted proxy's")
    func last() throws {
        #expect(try client("192.0.2.1") == "192.0.2.1:0")
        #expect(try client("198.51.100.9, 192.0.2.1, 10.1.1.1") == "192.0.2.1:0")
        #expect(try client("198.51.100.9", "192.0.2.1,10.1.1.1", "2001:db8::7") == "192.0.2.1:0")
        #expect(try client("192.0.2.1:4711") == "192.0.2.1:4711")
        #expect(try client("[2001:db9::1]:4711, 10.0.0.1:80") == "[2001:db9::1]:4711")
        #expect(try client("::ffff:192.0.2.1") == "192.0.2.1:0")
    }

    @Test("where all are proxies, it is the first of them; what is no address, and all before it, does not count")
    func others() throws {
        #expect(try client("10.0.0.1, 10.0.0.2") == "10.0.0.1:0")
        #expect(try client("192.0.2.1, unknown, 10.0.0.2") == "10.0.0.2:0")
        for text in ["", "unknown", "192.0.2.1,", "192.0.2.1:x", "_hidden", "192.0.2.1.5"] {
            #expect(try client(text) == nil, "\(text)")
        }
        #expect(try client() == nil)
    }

    @Test("an entry that is no range is told of")
    func wrong() throws {
        do throws(SettingsProblems) {
            _ = try TrustedProxies(["10.0.0.0/8", "10.0.0.1/8", "proxy.example"])
            Issue.record("it was taken")
        } catch {
            #expect(error.sentences.count == 2)
            #expect(error.sentences[0].contains("\"10.0.0.1/8\""))
            #expect(error.sentences[1].contains("\"proxy.example\""))
        }
        #expect(try TrustedProxies([]).isEmpty)
    }
}
