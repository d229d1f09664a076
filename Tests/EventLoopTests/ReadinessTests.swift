import Glibc
import Testing

@testable import EventLoop

@Suite("Readiness")
struct ReadinessTests {
    private let loop: EventLoop

    init() throws {
        loop = try EventLoop()
    }

    private func turn() {
        loop.turn(timeoutMilliseconds: 0)
    }

    @Test("readiness is level-triggered and follows the interest")
    func levels() throws {
        let (near, far) = try ByteStream.pair()
        let handler = Recorder()
        let registration = try loop.register(near.descriptor, interest: .read, handler: handler)
        turn()
        #expect(handler.calls == [])
        #expect(far.write("ab") == .wrote(2))
        turn()
        turn()
        #expect(handler.calls == [.readable, .readable])
        loop.modify(registration, interest: [.read, .write])
        turn()
        #expect(handler.calls.last == [.readable, .writable])
        loop.modify(registration, interest: [])
        turn()
        #expect(handler.calls.count == 3)
        loop.modify(registration, interest: .read)
        turn()
        #expect(handler.calls.count == 4)
        loop.deregister(registration)
        turn()
        #expect(handler.calls.count == 4)
    }

    @Test("the loop holds its handler until it is deregistered")
    func ownership() throws {
        let (near, _) = try ByteStream.pair()
        weak var weakHandler: Recorder?
        let registration: Registration
        do {
            let handler = Recorder()
            weakHandler = handler
            registration = try loop.register(near.descriptor, interest: .read, handler: handler)
        }
        #expect(weakHandler != nil)
        loop.deregister(registration)
        #expect(weakHandler == nil)
    }

    @Test("a handler that deregisters and releases itself lives to the end of its call")
    func selfDeregistration() throws {
        let (near, far) = try ByteStream.pair()
        final class Holder { var value = 0 }
        weak var weakHandler: Recorder?
        var valueAfter = -1
        do {
            let holder = Holder()
            let handler = Recorder()
            weakHandler = handler
            let registration = try loop.register(near.descriptor, interest: .read, handler: handler)
            handler.action = { [loop, unowned handler] _ in
                loop.deregister(registration)
                near.close()
                holder.value = handler.calls.count
                valueAfter = holder.value
            }
        }
        #expect(far.write("x") == .wrote(1))
        turn()
        #expect(valueAfter == 1)
        #expect(weakHandler == nil)
    }

    @Test("a handler deregistered by another in the same turn is not called")
    func deregisterOther() throws {
        let pairs = try (0..<2).map { _ in try ByteStream.pair() }
        var registrations: [Registration] = []
        let handlers = (0..<2).map { index in
            Recorder { [loop] _ in
                loop.deregister(registrations[1 - index])
                pairs[1 - index].0.close()
            }
        }
        for index in 0..<2 {
            registrations.append(
                try loop.register(pairs[index].0.descriptor, interest: .read, handler: handlers[index]))
            #expect(pairs[index].1.write("x") == .wrote(1))
        }
        turn()
        #expect(handlers[0].calls.count + handlers[1].calls.count == 1)
        for registration in registrations { loop.deregister(registration) }
        for handler in handlers { handler.action = { _ in } }
    }

    @Test(
        "an event for a descriptor that is in use again in the same turn is dropped, whichever way it was deregistered",
        arguments: [false, true])
    func staleEvent(beforeClosing: Bool) throws {
        // Both ready; whichever comes first closes the other and opens a new socket under the same number. Other
        // tests' descriptors cannot get in between: the thread has a table of its own.
        let result = try onThreadWithOwnDescriptors { () -> (stale: Int, sameNumber: Bool, late: Int) in
            let loop = try EventLoop()
            let pairs = try (0..<2).map { _ in try ByteStream.pair() }
            var registrations: [Registration] = []
            let fresh = Recorder()
            var freshPair: (ByteStream, ByteStream)?
            var freshRegistration: Registration?
            var sameNumber = false
            let handlers = (0..<2).map { index in
                Recorder { _ in
                    let old = registrations[1 - index]
                    if beforeClosing { loop.deregisterBeforeClosing(old) } else { loop.deregister(old) }
                    pairs[1 - index].0.close()
                    pairs[index].1.close()
                    guard freshPair == nil, let pair = try? ByteStream.pair() else { return }
                    freshPair = pair
                    let again = pair.0.descriptor == old.descriptor ? pair.0 : pair.1
                    sameNumber = again.descriptor == old.descriptor
                    freshRegistration = try? loop.register(again.descriptor, interest: .read, handler: fresh)
                    // The void registration must not touch the new one.
                    loop.deregister(old)
                    loop.modify(old, interest: [])
                }
            }
            for index in 0..<2 {
                registrations.append(
                    try loop.register(pairs[index].0.descriptor, interest: .read, handler: handlers[index]))
                _ = pairs[index].1.write("x")
            }
            loop.turn(timeoutMilliseconds: 0)
            let stale = fresh.calls.count
            // The new registration is alive.
            if let pair = freshPair, let registration = freshRegistration {
                let other = pair.0.descriptor == registration.descriptor ? pair.1 : pair.0
                _ = other.write("y")
            }
            loop.turn(timeoutMilliseconds: 0)
            for registration in registrations { loop.deregister(registration) }
            for handler in handlers { handler.action = { _ in } }
            return (stale, sameNumber, fresh.calls.count)
        }
        #expect(result.sameNumber)
        #expect(result.stale == 0)
        #expect(result.late == 1)
    }

    @Test("the same open descriptor cannot be registered twice; a closed and re-opened one can")
    func doubleRegistration() throws {
        let codes = try onThreadWithOwnDescriptors { () -> (twice: Int32, reopened: Bool, oldCalls: Int) in
            let loop = try EventLoop()
            let first = Recorder()
            let second = Recorder()
            let (near, far) = try ByteStream.pair()
            let number = near.descriptor
            let old = try loop.register(number, interest: .read, handler: first)
            var twice: Int32 = 0
            do { _ = try loop.register(number, interest: .read, handler: second) } catch let error as SystemError {
                twice = error.code
            }
            near.close()
            far.close()
            let (again, other) = try ByteStream.pair()
            guard again.descriptor == number else { return (twice, false, -1) }
            _ = try loop.register(number, interest: .read, handler: second)
            loop.deregister(old)
            _ = other.write("x")
            loop.turn(timeoutMilliseconds: 0)
            return (twice, second.calls == [.readable], first.calls.count)
        }
        #expect(codes.twice == EEXIST)
        #expect(codes.reopened)
        #expect(codes.oldCalls == 0)
    }

    @Test("registering a bad descriptor is an error that names it", arguments: [-1, 1_000_000 - 1] as [Int32])
    func badDescriptor(number: Int32) {
        #expect(throws: SystemError(operation: "epoll_ctl(ADD)", code: EBADF)) {
            _ = try loop.register(number, interest: .read, handler: Recorder())
        }
    }

    @Test("a handler's release by the loop may call the loop")
    func reentrantRelease() throws {
        final class Chain: ReadinessHandler {
            let loop: EventLoop
            let next: Registration?
            init(_ loop: EventLoop, _ next: Registration?) {
                self.loop = loop
                self.next = next
            }
            deinit { next.map(loop.deregister) }
            func handle(_ ready: Ready) {}
        }
        let (a, b) = try ByteStream.pair()
        weak var inner: Recorder?
        let outer: Registration
        do {
            let recorder = Recorder()
            inner = recorder
            let first = try loop.register(a.descriptor, interest: .read, handler: recorder)
            outer = try loop.register(b.descriptor, interest: .read, handler: Chain(loop, first))
        }
        loop.deregister(outer)
        #expect(inner == nil)
    }

    // MARK: Hangups

    @Test("with no interest, the peer's end of sending is told once, and then its going away once")
    func hangupsWithoutInterest() throws {
        let (near, far) = try tcpPair()
        let handler = Recorder()
        let registration = try loop.register(near.descriptor, interest: [], handler: handler)
        far.shutdownWrite()
        #expect(turns(loop, until: { !handler.calls.isEmpty }))
        for _ in 0..<5 { turn() }
        #expect(handler.calls == [.hangup])
        far.setLingerZero()
        far.close()
        #expect(turns(loop, until: { handler.calls.count > 1 }))
        for _ in 0..<5 { turn() }
        #expect(handler.calls.count == 2)
        #expect(handler.calls[1].contains(.hangup))
        // And it is told again when it asks for something.
        loop.modify(registration, interest: .read)
        turn()
        #expect(handler.calls.count == 3)
        #expect(handler.calls[2].contains(.readable))
        loop.deregister(registration)
    }

    @Test("with no interest, a full hangup is told once: no busy loop")
    func fullHangupWithoutInterest() throws {
        let (near, far) = try ByteStream.pair()
        let handler = Recorder()
        let registration = try loop.register(near.descriptor, interest: [], handler: handler)
        #expect(far.write("unread") == .wrote(6))
        far.close()
        for _ in 0..<5 { turn() }
        #expect(handler.calls == [.hangup])
        loop.modify(registration, interest: .read)
        turn()
        #expect(handler.calls.last == [.readable, .hangup])
        #expect(near.readAll().bytes.count == 6)
        loop.deregister(registration)
    }

    @Test("waiting to write, the peer's end of sending is told once: no busy loop")
    func halfCloseWhileWriting() throws {
        let (near, far) = try tcpPair()
        _ = near.fill()
        let handler = Recorder()
        let registration = try loop.register(near.descriptor, interest: .write, handler: handler)
        far.shutdownWrite()
        #expect(turns(loop, until: { !handler.calls.isEmpty }))
        for _ in 0..<5 { turn() }
        #expect(handler.calls.filter { $0.contains(.hangup) }.count == 1)
        loop.deregister(registration)
    }

    @Test("interest that is taken away while a hangup is handled still ends in silence")
    func interestTakenAwayInside() throws {
        let (near, far) = try ByteStream.pair()
        let handler = Recorder()
        let registration = try loop.register(near.descriptor, interest: .read, handler: handler)
        handler.action = { [loop] _ in loop.modify(registration, interest: []) }
        far.close()
        for _ in 0..<10 { turn() }
        #expect((1...2).contains(handler.calls.count))
        loop.deregister(registration)
    }

    @Test("more descriptors ready than one wait delivers are all served")
    func manyReady() throws {
        let loop = try EventLoop()
        let pairs = try (0..<700).map { _ in try ByteStream.pair() }
        var served = Set<Int32>()
        for (near, far) in pairs {
            let handler = Recorder { _ in
                _ = near.readOnce(atMost: 10)
                served.insert(near.descriptor)
            }
            _ = try loop.register(near.descriptor, interest: .read, handler: handler)
            #expect(far.write("x") == .wrote(1))
        }
        for _ in 0..<4 { loop.turn(timeoutMilliseconds: 0) }
        #expect(served.count == 700)
    }
}
