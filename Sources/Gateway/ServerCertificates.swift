public import Configuration
import EventLoop

/// What the listening port shows TLS clients, made of the settings and of the files they name. Immutable.
public struct ServerCertificates: Sendable {
    let context: TLSServerContext
    /// The files, for people.
    public let description: String
    /// What clients will not like, a sentence each.
    public var notes: [String] { context.warnings }

    /// Reads the files. Blocks for as long as their file systems do: not for a loop's thread.
    /// - Parameter settings: validated ones.
    /// - Returns: nil when the port speaks plain HTTP.
    /// - Throws: everything that is wrong with any of the files.
    public static func load(_ settings: Settings) throws(SettingsProblems) -> ServerCertificates? {
        try load(settings, ticketKeys: TLSTicketKeys())
    }

    /// - Parameter ticketKeys: the same at each reload, so that sessions outlast it.
    static func load(
        _ settings: Settings, ticketKeys: TLSTicketKeys
    ) throws(SettingsProblems) -> ServerCertificates? {
        let tls = settings.tls
        guard let certificateFile = tls.certificateFile, let keyFile = tls.keyFile else { return nil }
        let pairs = [(certificateFile, keyFile)] + zip(tls.additionalCertificateFiles, tls.additionalKeyFiles)
        do {
            let context = try TLSServerContext(
                pairs.map { TLSCertificateFiles(certificateFile: $0, keyFile: $1) },
                minimumVersion: tls.minimumVersion == .tls12 ? .tls12 : .tls13, ticketKeys: ticketKeys,
                allowsKernel: tls.kernel)
            let files = pairs.map(\.0).joined(separator: ", ")
            return ServerCertificates(
                context: context,
                description: "\(pairs.count == 1 ? "the certificate" : "the certificates") in \(files)")
        } catch {
            throw SettingsProblems(error.sentences)
        }
    }
}
