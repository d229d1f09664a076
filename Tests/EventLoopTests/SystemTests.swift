import Foundation
import Glibc
import Testing

@testable import EventLoop

@Suite("Signals, threads, names, limits")
struct SystemTests {
    @Test("signals that a thread has blocked come to its loop by number")
    func signals() throws {
        // Sent to the thread itself: a signal to the process would go to a test thread that has not blocked it.
        let received = try onThreadWithOwnDescriptors { () -> [Int32] in
            try Signals.block([SIGUSR1, SIGTERM])
            let loop = try EventLoop()
            var received: [Int32] = []
            let registration = try Signals.deliver([SIGUSR1, SIGTERM], on: loop) { received.append($0) }
            pthread_kill(pthread_self(), SIGTERM)
            _ = turns(loop) { received.count == 1 }
            pthread_kill(pthread_self(), SIGUSR1)
            pthread_kill(pthread_self(), SIGUSR1)
            _ = turns(loop) { received.count == 2 }
            loop.turn(timeoutMilliseconds: 0)
            loop.deregister(registration)
            return received
        }
        #expect(received == [SIGTERM, SIGUSR1])
    }

    @Test("two different signals at once are both delivered")
    func twoSignals() throws {
        let received = try onThreadWithOwnDescriptors { () -> Set<Int32> in
            try Signals.block([SIGUSR1, SIGUSR2])
            let loop = try EventLoop()
            var received: Set<Int32> = []
            try Signals.deliver([SIGUSR1, SIGUSR2], on: loop) { received.insert($0) }
            pthread_kill(pthread_self(), SIGUSR1)
            pthread_kill(pthread_self(), SIGUSR2)
            _ = turns(loop) { received.count == 2 }
            return received
        }
        #expect(received == [SIGUSR1, SIGUSR2])
    }

    @Test("a number that is no signal is refused")
    func badSignal() {
        #expect(throws: SystemError(operation: "sigaddset(9999)", code: EINVAL)) { try Signals.block([9999]) }
    }

    @Test("a signal that is caught while the loop waits neither ends it nor loses anything")
    func interruptedWait() throws {
        // A handler that does nothing: epoll_wait returns EINTR, which is all that is wanted.
        let outcome = try onThreadWithOwnDescriptors { () -> Int in
            _ = signal(SIGURG) { _ in }
            let loop = try EventLoop()
            var fired = 0
            let target = pthread_self()
            let thread = try LoopThread.start(name: "interrupter") {
                for _ in 0..<200 {
                    pthread_kill(target, SIGURG)
                    sched_yield()
                }
            }
            loop.schedule(at: MonotonicTime.now().advanced(byMilliseconds: 20)) {
                fired += 1
                loop.stop()
            }
            loop.run()
            thread.join()
            return fired
        }
        #expect(outcome == 1)
    }

    @Test("a thread has its name, cut to what the kernel keeps, and is joined when it has ended")
    func threads() throws {
        let box = ResultBox<String>()
        let thread = try LoopThread.start(name: "a name that is too long") {
            box.set(Result { try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8) })
        }
        thread.join()
        thread.join()
        #expect(try box.get() == "a name that is \n")
    }

    @Test(
        "literals are answered before the call returns",
        arguments: [("127.0.0.1", "127.0.0.1:6379"), ("::1", "[::1]:6379")])
    func literals(host: String, expected: String) throws {
        let loop = try EventLoop()
        var answers: [Resolution] = []
        let mailbox = try loop.makeMailbox(of: Resolution.self) { answers += $0 }
        Resolver.resolve(host: host, port: 6379, to: mailbox)
        loop.turn(timeoutMilliseconds: 0)
        let answer = try #require(answers.first)
        #expect(try answer.result.get().map { "\($0)" } == [expected])
        #expect(answer.host == host && answer.port == 6379)
    }

    @Test("a name is looked up elsewhere and the answer comes by mailbox")
    func names() throws {
        let loop = try EventLoop()
        var answers: [Resolution] = []
        let mailbox = try loop.makeMailbox(of: Resolution.self) { answers += $0 }
        Resolver.resolve(host: "localhost", port: 6379, to: mailbox)
        #expect(turns(loop, until: { answers.count == 1 }))
        let addresses = try #require(answers.first).result.get()
        #expect(addresses.contains { ["127.0.0.1:6379", "[::1]:6379"].contains("\($0)") })
        #expect(Set(addresses).count == addresses.count)
    }

    @Test("a name that does not exist is an error that names it", arguments: ["", "a\0b", "no such host!"])
    func unknownNames(host: String) throws {
        let loop = try EventLoop()
        var answers: [Resolution] = []
        let mailbox = try loop.makeMailbox(of: Resolution.self) { answers += $0 }
        Resolver.resolve(host: host, port: 1, to: mailbox)
        #expect(turns(loop, until: { answers.count == 1 }))
        guard case .failure(let error) = try #require(answers.first).result else {
            Issue.record("it was found")
            return
        }
        #expect(error.host == host)
        #expect("\(error)".contains("could not be looked up: "))
    }

    @Test("the soft limit of descriptors becomes the hard one")
    func limit() {
        let (soft, hard) = raiseDescriptorLimit()
        #expect(soft == hard && soft > 0)
        #expect(raiseDescriptorLimit() == (soft, hard))
    }

    @Test("everything that was opened is closed again")
    func descriptorBaseline() throws {
        let (before, during, after) = try onThreadWithOwnDescriptors { () -> (Int, Int, Int) in
            let before = countDescriptors()
            var during = 0
            for _ in 0..<3 {
                let loop = try EventLoop()
                let mailbox = try loop.makeMailbox(of: Int.self) { _ in }
                mailbox.post(1)
                let listener = try Listener.open(host: "", port: 0, reusePort: true, backlog: 8)
                let port = listener.localPort
                _ = try? Listener.open(host: "127.0.0.1", port: port, reusePort: false, backlog: 8)
                let clients = try (0..<10).map { _ in
                    try ByteStream.connect(to: SocketAddress(literal: "127.0.0.1", port: port)!)
                }
                var streams: [ByteStream] = []
                let acceptor = Recorder { _ in
                    while case .accepted(let stream, _) = listener.accept() { streams.append(stream) }
                }
                let registration = try loop.register(listener.descriptor, interest: .read, handler: acceptor)
                _ = turns(loop) { streams.count == 10 }
                try Signals.deliver([SIGUSR2], on: loop) { _ in }
                let context = try TLSClientContext(caFile: nil, verifyHostname: true)
                let tls = try ByteStream.connect(
                    to: SocketAddress(literal: "127.0.0.1", port: port)!, tls: context, serverName: "localhost")
                _ = try? ByteStream.connect(
                    to: SocketAddress(literal: "127.0.0.1", port: port)!, tls: context, serverName: "")
                during = max(during, countDescriptors())
                loop.deregister(registration)
                for stream in streams.prefix(5) { stream.close() }
                tls.close()
                withExtendedLifetime(clients) {}
            }
            return (before, during, countDescriptors())
        }
        #expect(before == 3)
        #expect(during > 20)
        #expect(after == before)
    }
}
