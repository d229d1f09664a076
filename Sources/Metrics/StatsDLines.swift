/// Builds the datagrams that a StatsD server is sent, as the Node library hot-shots writes them:
/// `ws_connected_client:1|c|#tag:a,tag2:b`. Does no I/O; confined to one thread.
///
/// Bounded: when `maxWaitingDatagrams` are full and not taken, further counts are added up, one number per name, and
/// are given out as one line per name with the next taking. No count is lost, only its line.
public struct StatsDLines {
    /// About 90 KiB; at one taking a second, 1,500 lines with long tags.
    public static let maxWaitingDatagrams = 64

    /// Kept free of global tags in each datagram: a name of ours, a number, a label and the punctuation need less.
    private static let roomForLine = 130

    /// What a line's number is.
    public enum Kind: String, Sendable {
        /// Added to what was counted before.
        case counter = "c"
        /// A level.
        case gauge = "g"
        /// A length of time in milliseconds.
        case timer = "ms"
    }

    /// The tags that did not fit a datagram any more, to be said in the log. Without them every line fits.
    public let omittedTags: [String]

    private let maxDatagramBytes: Int
    /// `|#` and the tags; nothing without any.
    private let globalTags: [UInt8]
    private var full: [[UInt8]] = []
    private var current: [UInt8] = []
    private var addedUp: [(name: StaticString, count: Int)] = []

    /// - Parameters:
    ///   - globalTags: as configured; cleaned by `StatsDTags.cleaned`, empty ones left out.
    ///   - maxDatagramBytes: 1,432 is what fits an Ethernet frame with all headers. Below 256 counts as 256.
    public init(globalTags: [String] = [], maxDatagramBytes: Int = 1432) {
        self.maxDatagramBytes = max(maxDatagramBytes, 256)
        var text: [UInt8] = []
        var omittedTags: [String] = []
        for tag in globalTags where !tag.isEmpty {
            let tagText = (text.isEmpty ? "|#" : ",") + StatsDTags.cleaned(tag)
            if text.count + tagText.utf8.count > self.maxDatagramBytes - Self.roomForLine {
                omittedTags.append(tag)
            } else {
                text.append(contentsOf: tagText.utf8)
            }
        }
        self.globalTags = text
        self.omittedTags = omittedTags
    }

    /// Whether there is nothing to take.
    public var isEmpty: Bool { current.isEmpty && full.isEmpty && addedUp.isEmpty }

    /// Adds one line `<name>:<count>|c…`.
    /// - Parameter name: at most 100 bytes, without `:`, `|` and newline.
    public mutating func count(_ name: StaticString, _ count: Int = 1) {
        if full.count >= Self.maxWaitingDatagrams {
            addUp(name, count)
        } else {
            appendLine(name, count)
        }
    }

    /// The datagrams to send, each at most `maxDatagramBytes`, lines joined by newlines without one at the end.
    public mutating func takeDatagrams() -> [[UInt8]] {
        for (name, count) in addedUp { appendLine(name, count) }
        addedUp = []
        if !current.isEmpty { full.append(current) }
        current = []
        defer { full = [] }
        return full
    }

    /// Adds one line `<name>:<value>|<kind>|@<rate>|#<tags>`, however many wait: what is added so has to be taken soon.
    /// - Parameters:
    ///   - name: with `value`, `rate` and `tag` at most 120 bytes, all without `:`, `|`, `,` and newline.
    ///   - rate: which part of all there was the line stands for; nil for just the one.
    ///   - tag: one more than the global ones.
    public mutating func append(
        _ name: String, value: String, _ kind: Kind, rate: String? = nil, tag: Figure.Label? = nil
    ) {
        var line = Array("\(name):\(value)|\(kind.rawValue)".utf8)
        if let rate { line += "|@\(rate)".utf8 }
        line += globalTags
        if let tag { line += "\(globalTags.isEmpty ? "|#" : ",")\(tag.name):\(tag.value)".utf8 }
        append(line)
    }

    private mutating func appendLine(_ name: StaticString, _ count: Int) {
        append("\(name)", value: String(count), .counter)
    }

    private mutating func append(_ line: [UInt8]) {
        precondition(line.count <= maxDatagramBytes, "A StatsD name may have 100 bytes.")
        if current.isEmpty {
            current.reserveCapacity(maxDatagramBytes)
        } else if current.count + 1 + line.count > maxDatagramBytes {
            full.append(current)
            current.removeAll(keepingCapacity: true)
        } else {
            current.append(UInt8(ascii: "\n"))
        }
        current.append(contentsOf: line)
    }

    private mutating func addUp(_ name: StaticString, _ count: Int) {
        for index in addedUp.indices where Self.same(addedUp[index].name, name) {
            // A sum that no longer fits stays at the greatest number; it would take centuries.
            let (sum, overflow) = addedUp[index].count.addingReportingOverflow(count)
            addedUp[index].count = overflow ? Int.max : sum
            return
        }
        addedUp.append((name, count))
    }

    private static func same(_ left: StaticString, _ right: StaticString) -> Bool {
        left.withUTF8Buffer { left in right.withUTF8Buffer { left.elementsEqual($0) } }
    }
}
