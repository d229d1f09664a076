import ArgumentParser
import CProcess
import Configuration
import Glibc

/// `--config`, and the way from it, the environment and the flags to settings.
struct ConfigurationOption: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "Configuration file. (default: ./config.json if there is one)", valueName: "path"),
        completion: .file(extensions: ["json"]))
    var path: String?

    static let defaultPath = "config.json"

    /// The file as messages name it.
    var name: String { path ?? Self.defaultPath }

    var file: FileSource { path.map { .required(path: $0) } ?? .ifPresent(path: Self.defaultPath) }

    /// Loads the settings; warnings are left to the caller.
    /// - Throws: all that is wrong, a sentence for each problem.
    /// - Parameter ignoring: keys that the command has no use for.
    func load(
        _ overrides: [Override] = [], ignoring: Set<String> = []
    ) throws(CommandFailure) -> (settings: Settings, result: LoadResult) {
        let result = read(overrides, ignoring: ignoring)
        return (try settings(of: result), result)
    }

    /// Reads all sources, whatever is wrong in them.
    func read(_ overrides: [Override] = [], ignoring: Set<String> = []) -> LoadResult {
        Settings.load(file: file, environment: Self.environment, overrides: overrides, ignoring: ignoring)
    }

    /// - Throws: all that is wrong, a sentence for each problem.
    func settings(of result: LoadResult) throws(CommandFailure) -> Settings {
        guard let settings = result.settings else {
            var sentences = result.problems.map(\.description)
            // A misspelt key is often why another one seems to be missing.
            sentences += result.warnings.filter { !$0.isNotice }.map(\.description)
            if path == nil, access(Self.defaultPath, F_OK) != 0 {
                sentences.append("(There is no \(Self.defaultPath) in this directory; --config names another file.)")
            }
            throw CommandFailure(sentences)
        }
        return settings
    }

    /// The variables of this process; of several with one name the first counts, as for getenv(3).
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        // Sound: a list of C strings that ends with a null pointer; nobody in this process changes it.
        guard var entry = sluice_environment() else { return variables }
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, variables[String(parts[0])] == nil { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }
}
