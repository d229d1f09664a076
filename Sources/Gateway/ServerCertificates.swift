public import Configuration
import EventLoop
import Logging

/// The certificates of the listening port: which files they come from, and the ticket keys that outlast a reload.
///
/// Safe to use from any thread: nothing in it changes.
struct ServerCertificates: Sendable {
    private let files: [TLSCertificateFiles]
    private let minimumVersion: TLSServerContext.Version
    private let ticketKeys = TLSTicketKeys()

    /// Nil when the port speaks plain HTTP.
    init?(_ settings: Settings.TLS) {
        guard let certificateFile = settings.certificateFile, let keyFile = settings.keyFile else { return nil }
        let additional = zip(settings.additionalCertificateFiles, settings.additionalKeyFiles)
        files = ([(certificateFile, keyFile)] + additional).map {
            TLSCertificateFiles(certificateFile: $0, keyFile: $1)
        }
        minimumVersion =
            switch settings.minimumVersion {
            case .tls12: .tls12
            case .tls13: .tls13
            }
    }

    /// Reads the files.
    /// - Throws: everything that is wrong with them.
    func load() throws(TLSProblems) -> TLSServerContext {
        try TLSServerContext(files, minimumVersion: minimumVersion, ticketKeys: ticketKeys)
    }

    /// Reads the files anew and gives them to the loops, for the connections that come from then on. If anything is wrong with
    /// them, what is there stays.
    func reload(to mailboxes: [Mailbox<LoopMessage>], _ logger: Logger) {
        do {
            let context = try load()
            for warning in context.warnings { logger.warning("\(warning)") }
            for mailbox in mailboxes { mailbox.post(.certificates(context)) }
            logger.info("reloaded the certificates", metadata: ["files": "\(files.map(\.certificateFile))"])
        } catch {
            for sentence in error.sentences {
                logger.error("the certificates were not reloaded, those of before stay in use: \(sentence)")
            }
        }
    }
}

extension Gateway {
    /// What is wrong with the files that the settings name for TLS on the listening port, and what their clients will not like:
    /// sentences, both empty when all is well.
    public static func tlsFindings(_ settings: Settings) -> (problems: [String], warnings: [String]) {
        guard let certificates = ServerCertificates(settings.tls) else { return ([], []) }
        do {
            return ([], try certificates.load().warnings)
        } catch {
            return (error.sentences, [])
        }
    }
}
