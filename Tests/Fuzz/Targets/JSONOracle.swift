import Foundation

/// What Foundation's parser says of a JSON text, and where it is known to be another's opinion than ours.
public enum JSONOracle {
    /// The members of a text that is an object; nil if it is something else or no JSON.
    public static func object(_ text: [UInt8]) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: Data(text))) as? [String: Any]
    }

    /// Whether Foundation takes this for JSON of any kind.
    public static func isJSON(_ text: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
    }

    /// Whether the text holds something that Foundation may judge otherwise, or understands otherwise:
    ///
    /// - half of a surrogate pair, and numbers that are no finite `Double`: it refuses them;
    /// - a comma before a closing bracket, a byte order mark, UTF-16 and UTF-32: it takes them;
    /// - names that come twice, or are equal for Unicode only: which one counts is its own affair;
    /// - NUL, in texts and between tokens.
    public static func mayDiffer(on text: [UInt8]) -> Bool {
        if text.contains(0) || text.contains(where: { $0 >= 0xEF }) || holds(text, "\\u") { return true }
        // A comma that nothing but space parts from a closing bracket.
        var last: UInt8 = 0
        for byte in text where !" \n\r\t".utf8.contains(byte) {
            if last == UInt8(ascii: ","), "]}".utf8.contains(byte) { return true }
            last = byte
        }
        // Three digits behind an `e`, or hundreds of them in a row.
        var exponentDigits: Int?
        var digits = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                exponentDigits = 0
                digits = 0
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                exponentDigits = exponentDigits.map { $0 + 1 }
                if (exponentDigits ?? 0) >= 3 || digits > 300 { return true }
            case UInt8(ascii: "+"), UInt8(ascii: "-"):
                break
            default:
                exponentDigits = nil
                digits = 0
            }
        }
        return ["channel_id", "channel", "exp", "nbf", "alg"].contains { occurrences(of: "\"\($0)\"", in: text) > 1 }
    }

    private static func holds(_ text: [UInt8], _ part: String) -> Bool { occurrences(of: part, in: text) > 0 }

    private static func occurrences(of part: String, in text: [UInt8]) -> Int {
        let part = Array(part.utf8)
        guard text.count >= part.count else { return 0 }
        return (0...(text.count - part.count)).count { text[$0] == part[0] && text[$0...].starts(with: part) }
    }
}
