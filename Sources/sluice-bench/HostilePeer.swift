import EventLoop
import Glibc

/// One peer that misbehaves, over one connection after the other. Confined to the loop's thread; its crowd outlives it.
final class HostilePeer: ReadinessHandler {
    private enum Phase {
        case connecting
        /// So much of the opening is sent.
        case opening(Int)
        case awaitingAnswer
        case acting
    }

    private let number: Int
    private unowned let crowd: HostileCrowd
    private var phase = Phase.connecting
    private var script = HostileKind.Script(act: .drip)
    private var stream: ByteStream?
    private var registration: Registration?
    private var rounds = 0
    /// How far it is in what it floods with.
    private var flooded = 0

    init(number: Int, crowd: HostileCrowd) {
        self.number = number
        self.crowd = crowd
    }

    /// Begins its next connection; does nothing if it has one.
    func connect() {
        guard stream == nil else { return }
        script = crowd.script(number: number, round: rounds)
        phase = .connecting
        flooded = 0
        do throws(SystemError) {
            let stream = try crowd.stream(for: number)
            self.stream = stream
            registration = try crowd.loop.register(stream.descriptor, interest: .write, handler: self)
            rounds += 1
            crowd.connections += 1
        } catch {
            // Out of ports or descriptors: the next tick tries again.
            drop(resets: false)
        }
    }

    /// Time for another byte.
    func tick() {
        connect()
        if case .acting = phase, case .drip = script.act { send([0x78]) }
    }

    // MARK: Readiness

    func handle(_ ready: Ready) {
        if case .connecting = phase {
            switch stream?.finishConnecting() {
            case .inProgress(let interest): return watch(interest)
            case .connected: phase = .opening(0)
            case .failed, nil: return ended()
            }
        }
        if case .opening(let sent) = phase { open(from: sent) }
        // One that does not read would not hear of its end.
        if script.reads || isAwaitingAnswer { read() }
        if case .acting = phase { act() }
    }

    private var isAwaitingAnswer: Bool {
        if case .awaitingAnswer = phase { true } else { false }
    }

    private func open(from sent: Int) {
        guard sent < script.opening.count else { return begin() }
        guard let written = send(script.opening, from: sent) else { return }
        guard sent + written == script.opening.count else {
            phase = .opening(sent + written)
            return
        }
        if script.awaitsAnswer {
            phase = .awaitingAnswer
            watch(.read)
        } else {
            begin()
        }
    }

    private func begin() {
        phase = .acting
        watch(script.reads ? [.read, .write] : .write)
    }

    private func read() {
        guard let stream else { return }
        switch stream.read(into: crowd.inputBuffer) {
        case .wouldBlock: break
        case .endOfStream, .failed: ended()
        case .bytes: if isAwaitingAnswer { begin() }
        }
    }

    private func act() {
        switch script.act {
        case .drip: watch(.read)
        case .flood(let bytes):
            // From where the socket stopped taking: frames must stay whole.
            if let written = send(bytes, from: flooded) { flooded = (flooded + written) % bytes.count }
        case .leave(let resets):
            drop(resets: resets)
            crowd.connectLater(self)
        }
    }

    // MARK: The connection

    /// How much the socket took; nil when that was its end.
    @discardableResult
    private func send(_ bytes: [UInt8], from start: Int = 0) -> Int? {
        guard let stream else { return nil }
        switch bytes.withUnsafeBytes({ stream.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }) {
        case .wrote(let count):
            crowd.bytesSent += count
            return count
        case .wouldBlock: return 0
        case .failed:
            ended()
            return nil
        }
    }

    private func watch(_ interest: Interest) {
        guard let registration, let stream else { return }
        crowd.loop.modify(registration, interest: interest.union(stream.interestNeeded))
    }

    /// The server has had enough.
    private func ended() {
        drop(resets: false)
        crowd.connectLater(self)
    }

    private func drop(resets: Bool) {
        if let registration { crowd.loop.deregister(registration) }
        registration = nil
        if resets, let stream {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(stream.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        stream?.close()
        stream = nil
        phase = .connecting
    }
}
