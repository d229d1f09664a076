import Testing

@testable import EventLoop

@Suite("Address ranges")
struct AddressRangeTests {
    @Test(
        "a range has its addresses and no others",
        arguments: [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["9.255.255.255", "11.0.0.0", "::10.0.0.1"]
            ),
            ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.7/32", ["192.0.2.7"], ["192.0.2.6"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]),
            ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]),
            ("::/0", ["::", "ffff::", "10.0.0.1"], []),
            ("::1", ["::1"], ["::", "::2", "0.0.0.1"]),
            ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "2001:db7:ffff::"]),
            ("2001:db8::/64", ["2001:db8::ffff:0:0:1"], ["2001:db8:0:1::"]),
            ("2001:db8::8000:0:0:0/65", ["2001:db8::8000:0:0:1"], ["2001:db8::7fff:0:0:1"]),
        ])
    func contains(text: String, inside: [String], outside: [String]) throws {
        let range = try #require(AddressRange(text))
        for (addresses, expected) in [(inside, true), (outside, false)] {
            for address in addresses {
                #expect(
                    range.contains(try #require(SocketAddress(literal: address, port: 80))) == expected, "\(address)")
            }
        }
        #expect(!range.contains(try .unix(path: "/a")))
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8",
            "10.0.0/8",
            "::/129", "::1/127", "localhost", "10.0.0.0/ 8", "[::1]", "2001:db8::1/64", "/var/run/a",
        ])
    func refused(text: String) { #expect(AddressRange(text) == nil) }
}
