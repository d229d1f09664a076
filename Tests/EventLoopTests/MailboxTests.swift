import Glibc
import Synchronization
import Testing

@testable import EventLoop

@Suite("Mailbox")
struct MailboxTests {
    @Test("messages of many threads arrive each once, those of a thread in its order")
    func manyThreads() throws {
        let loop = try EventLoop()
        let threads = 6
        let each = 5_000
        var received: [[Int]] = Array(repeating: [], count: threads)
        var total = 0
        let mailbox = try loop.makeMailbox(of: (Int, Int).self) { messages in
            for (sender, number) in messages { received[sender].append(number) }
            total += messages.count
        }
        let senders = try (0..<threads).map { sender in
            try LoopThread.start(name: "sender \(sender)") {
                for number in 0..<each { mailbox.post((sender, number)) }
            }
        }
        #expect(turns(loop, until: { total == threads * each }))
        for sender in senders { sender.join() }
        loop.turn(timeoutMilliseconds: 0)
        #expect(received == Array(repeating: Array(0..<each), count: threads))
    }

    @Test("a post wakes a loop that sleeps without end")
    func wakes() throws {
        // The loop lives on its thread; the mailbox comes out of it, and the answer back into ours.
        let own = try EventLoop()
        var answers: [String] = []
        let answerBox = try own.makeMailbox(of: String.self) { answers += $0 }
        let handOver = ResultBox<Mailbox<String>>()
        let thread = try LoopThread.start(name: "other") {
            handOver.set(
                Result {
                    let loop = try EventLoop()
                    var mailbox: Mailbox<String>?
                    // `unowned`: the loop holds this closure.
                    mailbox = try loop.makeMailbox(of: String.self) { [unowned loop] messages in
                        for message in messages { answerBox.post("got \(message)") }
                        if messages.last == "end" { loop.stop() }
                    }
                    answerBox.post("ready")
                    if let mailbox { handOver.set(.success(mailbox)) }
                    loop.run()
                    return try #require(mailbox)
                })
        }
        #expect(turns(own, until: { answers == ["ready"] }))
        // "ready" is posted just before the mailbox is handed over.
        var mailbox: Mailbox<String>?
        #expect(
            turns(own) {
                mailbox = try? handOver.get()
                return mailbox != nil
            })
        mailbox?.post("a")
        #expect(turns(own, until: { answers.count == 2 }))
        mailbox?.post("end")
        thread.join()
        #expect(turns(own, until: { answers.count == 3 }))
        #expect(answers == ["ready", "got a", "got end"])
    }

    @Test("a message posted while messages are received comes with the next turn")
    func postInside() throws {
        let loop = try EventLoop()
        var received: [[Int]] = []
        var mailbox: Mailbox<Int>?
        mailbox = try loop.makeMailbox(of: Int.self) { messages in
            received.append(messages)
            if messages == [1, 2] { mailbox?.post(3) }
        }
        mailbox?.post(1)
        mailbox?.post(2)
        loop.turn(timeoutMilliseconds: 0)
        #expect(received == [[1, 2]])
        loop.turn(timeoutMilliseconds: 0)
        #expect(received == [[1, 2], [3]])
        loop.turn(timeoutMilliseconds: 0)
        #expect(received.count == 2)
    }

    @Test("posting after the loop is gone is harmless, and what waited is released")
    func afterTheLoop() throws {
        final class Token: Sendable {}
        weak var kept: Token?
        var loop: EventLoop? = try EventLoop()
        let mailbox = try #require(try loop?.makeMailbox(of: Token.self) { _ in })
        do {
            let token = Token()
            kept = token
            mailbox.post(token)
        }
        #expect(kept != nil)
        loop = nil
        #expect(kept == nil)
        do {
            let token = Token()
            kept = token
            mailbox.post(token)
        }
        #expect(kept == nil)
    }

    @Test("only the first post after a collection writes the eventfd")
    func oneWakeup() throws {
        let loop = try EventLoop()
        var calls = 0
        let mailbox = try loop.makeMailbox(of: Int.self) { _ in calls += 1 }
        for number in 0..<100 { mailbox.post(number) }
        #expect(mailbox.wakeupCount == 1)
        loop.turn(timeoutMilliseconds: 0)
        #expect(calls == 1)
        mailbox.post(1)
        #expect(mailbox.wakeupCount == 1)
    }
}

extension Mailbox {
    /// What the eventfd's counter stands at, read from the kernel without changing it.
    var wakeupCount: Int? {
        guard let file = fopen("/proc/thread-self/fdinfo/\(descriptor)", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("eventfd-count:") else { continue }
            let digits = text.dropFirst("eventfd-count:".count).filter { $0.isHexDigit }
            return Int(digits, radix: 16)
        }
        return nil
    }
}
