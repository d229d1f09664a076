import Testing

@testable import Gateway

@Suite("Origin policy")
struct OriginPolicyTests {
    private func allows(_ allowed: [String], _ origin: String?, host: String = "app.example") -> Bool {
        OriginPolicy(allowed: allowed).allows(origins: origin.map { [$0] } ?? [], host: host)
    }

    @Test(
        "without a list the host names decide",
        arguments: [
            ("http://app.example", "app.example", true), ("https://app.example:8443", "app.example:80", true),
            ("HTTPS://APP.EXAMPLE", "app.example", true), ("http://app.example", "APP.example:8080", true),
            ("http://[2001:db8::1]:8088", "[2001:db8::1]:8080", true), ("http://[2001:db8::1]", "[2001:db8::1]", true),
            ("http://[2001:db8::1]", "[2001:db8::2]", false), ("http://app.example.", "app.example", false),
            ("http://app.example", "app.example.evil", false), ("http://app.example.evil", "app.example", false),
            ("http://evil/app.example", "app.example", false), ("http://app.example:x@evil", "app.example", false),
            ("http://app.example:80:90", "app.example", false), ("http://", "app.example", false),
            ("//app.example", "app.example", false), ("app.example", "app.example", false),
            ("://app.example", "app.example", false), ("null", "null", false), ("", "", false),
            ("chrome-extension://app.example", "app.example", true),
        ])
    func sameHost(_ origin: String, _ host: String, _ isAllowed: Bool) {
        #expect(allows([], origin, host: host) == isAllowed)
    }

    @Test("no origin is allowed under every list, two are under none")
    func count() {
        for list in [[], ["*"], ["https://a.example"]] {
            let policy = OriginPolicy(allowed: list)
            #expect(policy.allows(origins: [], host: "b.example"))
            #expect(!policy.allows(origins: ["https://a.example", "https://a.example"], host: "a.example"))
        }
    }

    @Test(
        "an entry matches scheme, host and port, default ports being the same as none",
        arguments: [
            ("https://a.example", "https://a.example", true), ("https://a.example", "https://a.example:443", true),
            ("https://a.example:443", "https://a.example", true), ("http://a.example", "http://a.example:80", true),
            ("https://a.example", "https://a.example:80", false), ("https://A.example", "https://a.EXAMPLE", true),
            ("https://a.example", "http://a.example", false), ("https://a.example", "https://a.example.evil", false),
            ("https://a.example", "https://b.a.example", false), ("http://a.example:81", "http://a.example:81", true),
            ("http://a.example:81", "http://a.example", false), ("null", "null", true), ("null", "http://null", false),
            ("https://a.example", "null", false),
        ])
    func exact(_ entry: String, _ origin: String, _ isAllowed: Bool) {
        #expect(allows([entry], origin) == isAllowed)
    }

    @Test(
        "a wildcard stands for at least one label",
        arguments: [
            ("https://*.a.example", "https://b.a.example", true),
            ("https://*.a.example", "https://c.b.a.example", true),
            ("https://*.a.example", "https://a.example", false), ("https://*.a.example", "https://.a.example", false),
            ("https://*.a.example", "https://xa.example", false), ("https://*.a.example", "http://b.a.example", false),
            ("https://*.a.example", "https://b.a.example:443", true),
            ("https://*.a.example:443", "https://b.a.example", true),
            ("https://*.a.example", "https://b.a.example:444", false),
            ("https://*.a.example:444", "https://b.a.example:444", true), ("https://*.a.example", "null", false),
            ("https://*.a.example", "https://b.a.example.evil", false),
        ])
    func wildcard(_ entry: String, _ origin: String, _ isAllowed: Bool) {
        #expect(allows([entry], origin) == isAllowed)
    }

    @Test("* is any page, but not one without an origin, which null lets in")
    func any() {
        #expect(allows(["*"], "https://anything.example"))
        #expect(!allows(["*"], "null"))
        #expect(allows(["*", "null"], "null"))
    }

    @Test("one entry of several is enough, and a list replaces the same-host rule")
    func several() {
        let list = ["https://a.example", "https://b.example"]
        #expect(allows(list, "https://b.example"))
        #expect(!allows(list, "https://app.example"))
    }
}
