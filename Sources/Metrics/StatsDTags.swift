/// The tags that every StatsD line ends with, cleaned as the Node library hot-shots 17 cleans them.
public enum StatsDTags {
    /// The variables from which hot-shots makes tags of its own, and those tags' names.
    private static let datadogVariables = [
        ("DD_ENTITY_ID", "dd.internal.entity_id"), ("DD_ENV", "env"), ("DD_SERVICE", "service"),
        ("DD_VERSION", "version"),
    ]

    /// The tag without what would break its line: in the name (all of it, if no colon follows a name) `:`, `|`, `,`,
    /// `@`, `#` and newline become `_`; in the value the same but for the colon (`url:http://x` stays).
    public static func cleaned(_ tag: String) -> String {
        var result = String.UnicodeScalarView()
        let colon = tag.unicodeScalars.firstIndex(of: ":")
        for index in tag.unicodeScalars.indices {
            let scalar = tag.unicodeScalars[index]
            switch scalar {
            case "|", ",", "@", "#", "\n": result.append("_")
            case ":" where colon == tag.unicodeScalars.startIndex: result.append("_")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// The configured tags and those that hot-shots adds for Datadog's variables, which take the place of configured
    /// ones of the same name. Not yet cleaned, except that a variable's value is without colons, as hot-shots has it.
    /// - Parameter environment: the value of a variable, nil if it is not set.
    public static func withDatadogTags(_ tags: [String], environment: (String) -> String?) -> [String] {
        var configured = tags
        var added: [String] = []
        for (variable, name) in datadogVariables {
            guard let value = environment(variable), !value.isEmpty else { continue }
            configured.removeAll { $0.utf8.starts(with: "\(name):".utf8) }
            var text = "\(name):"
            for scalar in value.unicodeScalars { text.unicodeScalars.append(scalar == ":" ? "_" : scalar) }
            added.append(text)
        }
        return configured + added
    }
}
