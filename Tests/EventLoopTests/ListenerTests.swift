import Glibc
import Testing

@testable import EventLoop

@Suite("Listener")
struct ListenerTests {
    private func accept(_ listener: Listener) throws -> (ByteStream, SocketAddress) {
        #expect(waitUntilReady(listener.descriptor, for: .read))
        guard case .accepted(let stream, let address) = listener.accept() else {
            throw SystemError(operation: "accept", code: EAGAIN)
        }
        return (stream, address)
    }

    private func expectWouldBlock(_ listener: Listener) {
        guard case .wouldBlock = listener.accept() else {
            Issue.record("something was accepted")
            return
        }
    }

    @Test("all addresses: IPv4 and IPv6 clients come in by one socket, IPv4 ones under their own address")
    func dualStack() throws {
        let listener = try Listener.open(host: "", port: 0, reusePort: false, backlog: 8)
        #expect(listener.localPort != 0)
        expectWouldBlock(listener)
        for (host, prefix) in [("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:")] {
            if host == "::1", case .ipv4 = listener.localAddress { continue }
            let client = try ByteStream.connect(to: SocketAddress(literal: host, port: listener.localPort)!)
            #expect(finishConnecting(client) == .connected)
            let (server, address) = try accept(listener)
            #expect("\(address)".hasPrefix(prefix))
            #expect(server.peerAddress == address)
            expectWouldBlock(listener)
        }
    }

    @Test("a client may choose the address it comes from; one that this machine does not have is refused")
    func source() throws {
        let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 8)
        let source = SocketAddress(literal: "127.0.0.9", port: 0)!
        let client = try ByteStream.connect(to: listener.localAddress, from: source)
        #expect(finishConnecting(client) == .connected)
        #expect("\(try accept(listener).1)".hasPrefix("127.0.0.9:"))
        // TEST-NET-1 (RFC 5737): no machine has it.
        #expect(throws: SystemError(operation: "bind", code: EADDRNOTAVAIL)) {
            let foreign = SocketAddress(literal: "192.0.2.254", port: 0)!
            _ = try ByteStream.connect(to: listener.localAddress, from: foreign)
        }
    }

    @Test("where the first address cannot be had, the next is taken")
    func fallback() throws {
        // 2001:db8::/32 is for documentation: no machine has it. As on a machine without IPv6, bind refuses it.
        let listener = try Listener.open(
            candidates: [
                SocketAddress(literal: "2001:db8::1", port: 0)!, SocketAddress(literal: "127.0.0.1", port: 0)!,
            ], sharing: .alone, backlog: 8)
        #expect("\(listener.localAddress)" == "127.0.0.1:\(listener.localPort)")
    }

    @Test("a port that is taken is refused with a sentence that names it", arguments: [false, true])
    func taken(reusePort: Bool) throws {
        let first = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 8)
        do throws(ListenError) {
            _ = try Listener.open(host: "127.0.0.1", port: first.localPort, reusePort: reusePort, backlog: 8)
            Issue.record("the port was taken twice")
        } catch {
            #expect(error == .portTaken(first.localAddress))
            #expect("\(error)".contains("127.0.0.1:\(first.localPort)"))
        }
    }

    @Test("a port taken on IPv4 only is refused for all addresses too")
    func takenOnIPv4() throws {
        let first = try Listener.open(host: "0.0.0.0", port: 0, reusePort: false, backlog: 8)
        #expect(throws: ListenError.self) {
            _ = try Listener.open(host: "", port: first.localPort, reusePort: false, backlog: 8)
        }
    }

    @Test("an address that is not here and a name that is none are refused with their reasons")
    func badHosts() throws {
        do throws(ListenError) {
            _ = try Listener.open(host: "192.0.2.254", port: 0, reusePort: false, backlog: 8)
            Issue.record("bound")
        } catch {
            #expect("\(error)".contains("192.0.2.254:0"))
        }
        do throws(ListenError) {
            _ = try Listener.open(host: "no such host!", port: 0, reusePort: false, backlog: 8)
            Issue.record("bound")
        } catch {
            #expect("\(error)".hasPrefix("Cannot listen on host \"no such host!\": "))
        }
    }

    @Test("a group shares one port, every connection comes out once, and no other group gets in")
    func group() throws {
        let group = try Listener.openGroup(host: "127.0.0.1", port: 0, count: 3, backlog: 64)
        let port = group[0].localPort
        #expect(group.map(\.localPort) == [port, port, port])
        #expect(throws: ListenError.portTaken(group[0].localAddress)) {
            _ = try Listener.openGroup(host: "127.0.0.1", port: port, count: 3, backlog: 64)
        }
        let clients = try (0..<60).map { _ in try ByteStream.connect(to: group[0].localAddress) }
        for client in clients { #expect(finishConnecting(client) == .connected) }
        let loop = try EventLoop()
        var accepted = [0, 0, 0]
        var streams: [ByteStream] = []
        for (index, listener) in group.enumerated() {
            let handler = Recorder { _ in
                while case .accepted(let stream, _) = listener.accept() {
                    accepted[index] += 1
                    streams.append(stream)
                }
            }
            _ = try loop.register(listener.descriptor, interest: .read, handler: handler)
        }
        #expect(turns(loop, until: { accepted.reduce(0, +) == 60 }))
        // 60 connections by hash over three sockets: that one gets none has the chance 3·(2/3)^60.
        #expect(accepted.allSatisfy { $0 > 0 })
    }

    @Test("a port can be listened on again at once, also after connections that we closed first")
    func restart() throws {
        var listener: Listener? = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 8)
        let port = try #require(listener?.localPort)
        let client = try ByteStream.connect(to: SocketAddress(literal: "127.0.0.1", port: port)!)
        #expect(finishConnecting(client) == .connected)
        let (server, _) = try accept(#require(listener))
        server.close()
        #expect(client.readAll().end == .endOfStream)
        client.close()
        listener = nil
        #expect(try Listener.open(host: "127.0.0.1", port: port, reusePort: false, backlog: 8).localPort == port)
    }

    @Test(
        "without a free descriptor accept says so, keeps the connection, and gives it later",
        .enabled(if: sysconf(Int32(_SC_OPEN_MAX)) <= 1 << 20, "using up so many descriptors takes too much memory"))
    func outOfDescriptors() throws {
        let log = try onThreadWithOwnDescriptors { () -> [String] in
            let listener = try Listener.open(host: "127.0.0.1", port: 0, reusePort: false, backlog: 8)
            let client = try ByteStream.connect(to: listener.localAddress)
            guard finishConnecting(client) == .connected, waitUntilReady(listener.descriptor, for: .read) else {
                return ["not connected"]
            }
            var last: Int32 = -1
            var next = fcntl(0, F_DUPFD_CLOEXEC, 3)
            while next >= 0 {
                last = next
                next = fcntl(0, F_DUPFD_CLOEXEC, last + 1)
            }
            var log: [String] = []
            for _ in 0..<2 {
                switch listener.accept() {
                case .accepted: log.append("accepted")
                case .wouldBlock: log.append("would block")
                case .outOfDescriptors: log.append("out of descriptors")
                case .failed(let error): log.append("\(error)")
                }
                close(last)
            }
            return log
        }
        #expect(log == ["out of descriptors", "accepted"])
    }
}
