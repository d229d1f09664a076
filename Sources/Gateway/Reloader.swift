public import Configuration
import EventLoop
import Locks
import Logging

/// Where the settings can be had again, as they are now; called on any thread but a loop's.
public typealias SettingsSource = @Sendable () -> Result<Settings, SettingsProblems>

/// What SIGHUP asks for: what lies in files is read again and handed to the loops. If something is wrong with it, the log
/// says so and all stays as it was.
///
/// Safe to use from any thread.
final class Reloader: Sendable {
    private let source: SettingsSource
    private let mailboxes: [Mailbox<LoopMessage>]
    /// Nil when the port speaks plain HTTP, which it does to its end.
    private let ticketKeys: TLSTicketKeys?
    private let logger: Logger
    /// Held during a reload, so that what was read later is also handed on later.
    private let turn = Mutex(())

    init(
        source: @escaping SettingsSource, mailboxes: [Mailbox<LoopMessage>], ticketKeys: TLSTicketKeys?, logger: Logger
    ) {
        self.source = source
        self.mailboxes = mailboxes
        self.ticketKeys = ticketKeys
        self.logger = logger
    }

    /// Reads and hands on. Blocks while files are read: not for a loop's thread.
    /// - Returns: whether everything was good.
    func reload() -> Bool {
        turn.withLock { _ in
            let settings: Settings
            switch source() {
            case .success(let loaded): settings = loaded
            case .failure(let problems):
                complain("the configuration", problems)
                return false
            }
            // Both are read, so that all that is wrong is said, before either counts.
            let keys = loadTokenKeys(settings)
            let certificates = loadCertificates(settings)
            guard let keys, let certificates else { return false }
            for mailbox in mailboxes { mailbox.post(.verifier(keys.verifier)) }
            keys.log(to: logger)
            if case .tls(let certificates) = certificates {
                for mailbox in mailboxes { mailbox.post(.certificates(certificates.context)) }
                certificates.log(to: logger)
            }
            return true
        }
    }

    /// The same on a thread of its own.
    func reloadInBackground() {
        do {
            _ = try LoopThread.start(name: "sluice-reload") { [self] in _ = reload() }
        } catch {
            logger.error("nothing was loaded again: a thread cannot be started: \(error)")
        }
    }

    /// What the port speaks.
    private enum PortCertificates {
        case plain
        case tls(ServerCertificates)
    }

    private func loadTokenKeys(_ settings: Settings) -> TokenKeys? {
        do {
            return try TokenKeys.load(settings)
        } catch {
            complain("the keys of tokens", error)
            return nil
        }
    }

    private func loadCertificates(_ settings: Settings) -> PortCertificates? {
        let certificates: ServerCertificates?
        do {
            certificates = try ServerCertificates.load(settings, ticketKeys: ticketKeys ?? TLSTicketKeys())
        } catch {
            complain("the certificates", error)
            return nil
        }
        guard (certificates == nil) == (ticketKeys == nil) else {
            complain(
                "the certificates",
                SettingsProblems(["Whether the port speaks TLS is settled when the gateway starts."]))
            return nil
        }
        return certificates.map { .tls($0) } ?? .plain
    }

    private func complain(_ what: String, _ problems: SettingsProblems) {
        for sentence in problems.sentences {
            logger.error("\(what) could not be loaded again, what was there before stays: \(sentence)")
        }
    }
}

extension TokenKeys {
    /// Says what there is.
    func log(to logger: Logger) {
        for note in notes { logger.warning("\(note)") }
        logger.info("tokens are checked with", metadata: ["keys": "\(descriptions.joined(separator: "; "))"])
    }
}

extension ServerCertificates {
    /// Says what there is.
    func log(to logger: Logger) {
        for note in notes { logger.warning("\(note)") }
        logger.info("the port speaks TLS", metadata: ["with": "\(description)"])
    }
}
