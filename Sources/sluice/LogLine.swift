import Configuration
import Glibc
import Logging

/// The forms of a line of the log:
///
///     2026-11-21T09:31:00.123Z info  message key=value key="with spaces"
///     ts=2026-11-21T09:31:00.123Z level=info msg=message key=value key="with spaces"
///     {"ts":"2026-11-21T09:31:00.123Z","level":"info","msg":"message","key":"value"}
///
/// Whatever the message and the values hold, an entry is one line, and a value cannot pass for another key.
enum LogLine {
    /// The line with its line feed.
    /// - Parameter milliseconds: since 1970, UTC.
    static func bytes(
        _ format: LogFormat = .text, milliseconds: Int64, level: Logger.Level, message: String,
        metadata: Logger.Metadata
    ) -> [UInt8] {
        switch format {
        case .text:
            text(milliseconds, level, message, metadata)
        case .logfmt:
            structured(milliseconds, level, message, metadata, opening: "", separator: " ", closing: "\n") {
                keyText($0) + "=" + ($1.isEmpty || !$1.unicodeScalars.allSatisfy(isPlain) ? quoted($1) : $1)
            }
        case .json:
            structured(milliseconds, level, message, metadata, opening: "{", separator: ",", closing: "}\n") {
                quoted($0) + ":" + quoted($1)
            }
        }
    }

    private static func structured(
        _ milliseconds: Int64, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata,
        opening: String, separator: String, closing: String, member: (String, String) -> String
    ) -> [UInt8] {
        var members = [("ts", timestamp(milliseconds)), ("level", trimmedName(of: level)), ("msg", message)]
        let own = Set(members.map(\.0))
        // A key that is one of ours is told apart from it: no object has a member twice.
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            members.append((own.contains(key) ? key + "_" : key, "\(value)"))
        }
        return Array((opening + members.map(member).joined(separator: separator) + closing).utf8)
    }

    /// A JSON string (RFC 8259 section 7), which logfmt's quotes are read as too. What ends a line for some reader, or moves
    /// something on a terminal, is escaped.
    static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                guard escaped(scalar) != nil else {
                    text.unicodeScalars.append(scalar)
                    continue
                }
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    let digits = String(unit, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
        return text + "\""
    }

    private static func text(
        _ milliseconds: Int64, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
    ) -> [UInt8] {
        var line = timestamp(milliseconds)
        line += " "
        line += name(of: level)
        line += " "
        line += printable(message)
        // Sorted, since a dictionary has no order and lines are easier to compare when they have one.
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += " "
            line += keyText(key)
            line += "="
            line += valueText("\(value)")
        }
        line += "\n"
        return Array(line.utf8)
    }

    /// The words of the key `logLevel`, all five characters wide. swift-log has more levels than that.
    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info "
        case .warning: "warn "
        case .error, .critical: "error"
        }
    }

    private static func trimmedName(of level: Logger.Level) -> String {
        String(name(of: level).prefix { $0 != " " })
    }

    /// RFC 3339, in UTC, to the millisecond.
    static func timestamp(_ milliseconds: Int64) -> String {
        let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        let fraction = remainder < 0 ? remainder + 1000 : remainder
        var seconds = time_t(remainder < 0 ? quotient - 1 : quotient)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(width - digits.count, 0)) + digits
        }
        return "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
            + "T\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
            + ".\(padded(fraction, 3))Z"
    }

    private static func keyText(_ key: String) -> String {
        String(String.UnicodeScalarView(key.unicodeScalars.map { isPlain($0) ? $0 : "_" }))
    }

    private static func valueText(_ value: String) -> String {
        guard value.isEmpty || !value.unicodeScalars.allSatisfy(isPlain) else { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            default: text += escaped(scalar) ?? String(scalar)
            }
        }
        return text + "\""
    }

    /// Whether a character may stand without quotes: visible ASCII but for quote, backslash and equals sign.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value > 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "\\" && scalar != "="
    }
}
