import ArgumentParser
import Configuration
import EventLoop
import JSONWebToken

struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a token for a channel, or for who publishes to some, signed with the configured secret.",
        discussion: """
            The token is what a browser carries in the cookie that jwtCookieName names. For example:

              sluice token --channel demo --expires-in 3600

            What --publish makes is for POST /api/publish, in the header Authorization: Bearer:

              sluice token --publish demo --publish demo2
            """)

    @Option(help: ArgumentHelp("The channel that the token opens.", valueName: "name"))
    var channel: String?

    @Option(
        help: ArgumentHelp("A channel that its bearer may publish to; may be given several times.", valueName: "name"))
    var publish: [String] = []

    @Option(help: ArgumentHelp("Let the token expire after so many seconds. (default: never)", valueName: "seconds"))
    var expiresIn: Int?

    @Option(help: ArgumentHelp("Whom the token is for: the claim sub. (default: null)", valueName: "text"))
    var subject: String?

    @OptionGroup var configuration: ConfigurationOption

    private static let centuryOfSeconds = 3_155_760_000

    func run() throws {
        if let expiresIn, !(1...Self.centuryOfSeconds).contains(expiresIn) {
            throw CommandFailure(
                "--expires-in is \(expiresIn); a number of seconds from 1 to \(Self.centuryOfSeconds) was expected.")
        }
        guard channel != nil || !publish.isEmpty else {
            throw CommandFailure("Neither --channel nor --publish is given; at least one of them was expected.")
        }
        if let channel { try checkChannel(channel) }
        for name in publish { try checkChannel(name, option: "--publish") }
        let (settings, _) = try configuration.load()
        let minter = try TokenMinter(settings)
        let token = try minter.token(
            channel: channel, publish: publish, subject: subject, expiresInSeconds: expiresIn)
        StandardOutput.write(token)
    }
}

/// Makes tokens as a configuration wants them.
struct TokenMinter {
    private let signer: Signer
    private let channelClaim: String

    init(_ settings: Settings) throws(CommandFailure) {
        guard let algorithm = settings.jwtAlgorithms.lazy.compactMap({ Algorithm(name: $0) }).first(where: \.usesSecret)
        else {
            throw CommandFailure(
                "None of jwtAlgorithms is one that tokens can be signed with here (HS256, HS384, HS512): the gateway has "
                    + "public keys only, and tokens come from who has the private ones.")
        }
        do {
            signer = try Signer(algorithm: algorithm, secret: settings.jwtSecret.reveal())
        } catch {
            throw CommandFailure("\(error)")
        }
        channelClaim = settings.jwtChannelIdKey
    }

    /// The token in its compact form.
    /// - Parameters:
    ///   - channel: one that ``checkChannel(_:option:)`` has let through.
    ///   - publish: such ones.
    func token(
        channel: String?, publish: [String] = [], subject: String? = nil, expiresInSeconds: Int? = nil
    ) throws(CommandFailure) -> [UInt8] {
        let now = WallClock.nowMilliseconds() / 1000
        let expiry = expiresInSeconds.map { now + Int64($0) }
        do {
            return try signer.sign(
                claims: Signer.claims(
                    channel: channel, channelClaim: channelClaim, publish: publish, subject: subject,
                    expiresAtSeconds: expiry))
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}

/// Whether a name may be a channel's.
/// - Throws: a sentence that says why not.
func checkChannel(_ name: String, option: String = "--channel") throws(CommandFailure) {
    guard let refusal = ChannelName.refusal(of: Array(name.utf8)) else { return }
    let reason =
        switch refusal {
        case .channelEmpty: "\(option) is empty; a channel's name was expected."
        case .channelReserved:
            "\(option) is \"\(name)\", which names the stream of all channels or is kept for the gateway's own keys; the name of one channel was expected."
        default: "\(option) has a control character in it; a channel's name without such characters was expected."
        }
    throw CommandFailure(reason)
}
