import Glibc
import Testing

@testable import EventLoop

@Suite("Socket addresses")
struct SocketAddressTests {
    @Test(
        "literals are read and written, and survive the kernel's form",
        arguments: [
            ("127.0.0.1", "127.0.0.1:8080"), ("0.0.0.0", "0.0.0.0:8080"), ("255.1.2.3", "255.1.2.3:8080"),
            ("::1", "[::1]:8080"), ("::", "[::]:8080"), ("2001:DB8:0:0::1", "[2001:db8::1]:8080"),
            ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]:8080"),
        ])
    func literals(text: String, description: String) throws {
        let address = try #require(SocketAddress(literal: text, port: 8080))
        #expect("\(address)" == description)
        #expect(address.port == 8080)
        #expect(roundTrip(address) == address)
    }

    @Test(
        "what is no literal is none",
        arguments: [
            "", "localhost", "127.1", "1.2.3.4.5", "256.0.0.1", "[::1]", "::1%lo", ":::", "127.0.0.1 ", "0x7f.1",
        ])
    func notLiterals(text: String) {
        #expect(SocketAddress(literal: text, port: 1) == nil)
    }

    @Test("scopes and Unix paths survive the kernel's form")
    func others() throws {
        let scoped = SocketAddress.ipv6(IPv6Address(high: 0xfe80 << 48, low: 1), port: 80, scope: 2)
        #expect("\(scoped)" == "[fe80::1%2]:80")
        #expect(roundTrip(scoped) == scoped)
        for path in ["/tmp/a", "relative", String(repeating: "x", count: 107), "/tmp/ü"] {
            let address = try SocketAddress.unix(path: path)
            #expect("\(address)" == "unix:\(path)")
            #expect(address.port == nil)
            #expect(roundTrip(address) == address)
        }
    }

    @Test("paths that do not fit are refused")
    func badPaths() {
        for (path, code) in [("", EINVAL), ("a\0b", EINVAL), (String(repeating: "x", count: 108), ENAMETOOLONG)] {
            do throws(SystemError) {
                _ = try SocketAddress.unix(path: path)
                Issue.record("\(path.debugDescription) was accepted")
            } catch {
                #expect(error.code == code)
            }
        }
    }

    @Test("a mapped IPv4 address is shown as such, a real IPv6 one is left alone")
    func unmapped() throws {
        let mapped = try #require(SocketAddress(literal: "::ffff:10.0.0.1", port: 5))
        #expect("\(mapped.unmapped)" == "10.0.0.1:5")
        let real = try #require(SocketAddress(literal: "::1", port: 5))
        #expect(real.unmapped == real)
    }

    @Test("other families are no address")
    func otherFamily() {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_NETLINK)
        #expect(SocketAddress(storage, length: 16) == nil)
    }

    private func roundTrip(_ address: SocketAddress) -> SocketAddress? {
        address.withSockAddr { pointer, length in
            var storage = sockaddr_storage()
            withUnsafeMutableBytes(of: &storage) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
            }
            return SocketAddress(storage, length: length)
        }
    }
}
