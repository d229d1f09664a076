import ArgumentParser
import Configuration
import EventLoop
import Gateway
import Logging

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway. (What sluice does when no command is named.)",
        usage: "sluice [serve] [--config <path>] [<settings>]",
        discussion: """
            Settings come from the configuration file, then from environment variables, then from the flags below; \
            the later wins. Secrets have no flag, since anybody on the machine can read a process's arguments: put \
            them into the file or into JWT_SECRET and REDIS_PASSWORD. `sluice check` tells what is wrong before you \
            start.

            SIGTERM (or Ctrl-C) closes the connections over drain-ms and ends with status 0; a second one ends at once. \
            SIGHUP reads again what tokens are checked with (jwtAlgorithms, jwtSecret, previousJwtSecrets and the key \
            files); if something is wrong with it, the log says so and nothing changes.

            For example:

              JWT_SECRET=... sluice serve --port 8080 --redis-host redis.internal
            """)

    @OptionGroup(title: "Configuration") var configuration: ConfigurationOption
    @OptionGroup var options: AllSettingsOptions

    func run() throws {
        // First of all, so that every thread there will be inherits it.
        do {
            try Gateway.blockSignals()
        } catch {
            throw CommandFailure("\(error)")
        }
        let (settings, loaded) = try configuration.load(options.overrides)
        let logger = try Logger(settings, from: loaded)

        for warning in loaded.warnings {
            let message: Logger.Message = "\(warning.description)"
            if warning.isNotice { logger.info(message) } else { logger.warning(message) }
        }
        logger.info(
            "starting sluice",
            metadata: [
                "version": "\(sluiceVersion)", "port": "\(settings.port)", "redis": "\(settings.redis.place)",
                "stream": "\(settings.redisStreamPrefix)full",
            ])
        let limit = raiseDescriptorLimit()
        logger.info("limit of open descriptors", metadata: ["limit": "\(limit.soft)"])

        let source = configuration.source(options.overrides)
        let gateway = try Gateway.open(settings, loaded, logger, handlesSignals: true, source: source)
        gateway.wait()
        logger.info("stopped")
    }
}

extension Gateway {
    /// Opens the port and starts the gateway.
    /// - Throws: a sentence that names the port and where it was set.
    static func open(
        _ settings: Settings, _ loaded: LoadResult, _ logger: Logger, handlesSignals: Bool,
        source: SettingsSource? = nil
    ) throws(CommandFailure) -> Gateway {
        do {
            return try Gateway(settings: settings, logger: logger, handlesSignals: handlesSignals, source: source)
        } catch {
            guard error.isAboutPort else { throw CommandFailure("The gateway cannot start. \(error)") }
            throw CommandFailure(
                "The gateway cannot start. \(error)",
                "\"port\" is \(settings.port), set by \(loaded.source(of: "port")).")
        }
    }
}

extension ConfigurationOption {
    /// The same file, environment and flags again, with what stands in the file then.
    func source(_ overrides: [Override]) -> SettingsSource {
        let file = file
        let environment = Self.environment
        return {
            let result = Settings.load(file: file, environment: environment, overrides: overrides)
            guard let settings = result.settings else {
                return .failure(SettingsProblems(result.problems.map(\.description)))
            }
            return .success(settings)
        }
    }
}

extension Settings.Redis {
    /// Where Redis is, for people; never holds a secret.
    var place: String {
        if let socketPath { return "unix:\(socketPath)" }
        if !sentinels.isEmpty {
            return "the primary \(sentinelName) of the sentinels \(sentinels.joined(separator: ", "))"
        }
        return (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    }
}
