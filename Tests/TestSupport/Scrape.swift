/// What a scrape gave, read more strictly than Prometheus reads it: whatever promtool or the OpenMetrics specification finds
/// fault with is an error.
public struct Scrape {
    public enum Format: Sendable { case text, openMetrics }

    public struct Sample {
        public var name: String
        public var labels: [String: String]
        public var value: Double
    }

    public struct Family {
        public var name: String
        public var type: String?
        public var help: String?
        public var unit: String?
        public var samples: [Sample] = []
    }

    public private(set) var families: [Family] = []
    private let format: Format

    public init(_ text: String, _ format: Format) throws {
        self.format = format
        guard text.utf8.last == UInt8(ascii: "\n") else { throw Failure("the last line has no end") }
        guard !text.utf8.contains(UInt8(ascii: "\r")) else { throw Failure("there is a carriage return") }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        if format == .openMetrics {
            guard lines.popLast() == "# EOF" else { throw Failure("the last line is not # EOF") }
        }
        for line in lines {
            do {
                if line.hasPrefix("#") { try readComment(line) } else { try readSample(line) }
            } catch {
                throw Failure("\(error): \(line)")
            }
        }
        for family in families {
            do { try check(family) } catch { throw Failure("\(family.name): \(error)") }
        }
        try checkNames()
    }

    /// The value of the series with these labels; nil if there is none.
    public func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.lazy.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
    }

    /// Every series as `name{label="value"}`, with its value.
    public var series: [String: Double] {
        let pairs = families.flatMap(\.samples).map { sample in
            let labels = sample.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
            return (sample.name + (labels.isEmpty ? "" : "{" + labels.joined(separator: ",") + "}"), sample.value)
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    // MARK: Lines

    private mutating func readComment(_ line: String) throws {
        let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, parts[0] == "#", ["HELP", "TYPE", "UNIT"].contains(parts[1]) else {
            throw Failure("not a comment of this form")
        }
        let name = parts[2]
        guard Self.isName(name, colons: true) else { throw Failure("not a metric's name") }
        let rest = parts.count > 3 ? parts[3] : ""
        if families.last?.name != name {
            guard !families.contains(where: { $0.name == name }) else { throw Failure("the family comes again") }
            families.append(Family(name: name))
        }
        var family = families.removeLast()
        guard family.samples.isEmpty else { throw Failure("behind the family's samples") }
        switch parts[1] {
        case "HELP":
            guard family.help == nil else { throw Failure("a second HELP") }
            family.help = try Self.unescaped(rest, quotes: format == .openMetrics)
        case "TYPE":
            guard family.type == nil else { throw Failure("a second TYPE") }
            let known = ["counter", "gauge", "histogram"] + (format == .openMetrics ? ["info"] : [])
            guard known.contains(rest) else { throw Failure("not a type of ours") }
            family.type = rest
        default:
            guard format == .openMetrics, family.unit == nil else { throw Failure("no UNIT may stand here") }
            guard !rest.isEmpty, name.hasSuffix("_" + rest) else { throw Failure("the name does not end in the unit") }
            family.unit = rest
        }
        families.append(family)
    }

    private mutating func readSample(_ line: String) throws {
        var rest = Substring(line)
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        guard Self.isName(name, colons: true) else { throw Failure("not a metric's name") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest.removeFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                guard Self.isName(label, colons: false), !label.hasPrefix("__") else { throw Failure("not a label") }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw Failure("a label without a value") }
                rest = rest.dropFirst(2)
                var value = ""
                while let next = rest.first, next != "\"" {
                    value.append(next)
                    rest.removeFirst()
                    if next == "\\", let escaped = rest.popFirst() { value.append(escaped) }
                }
                guard rest.popFirst() == "\"" else { throw Failure("a value that does not end") }
                guard labels.updateValue(try Self.unescaped(value, quotes: true), forKey: label) == nil else {
                    throw Failure("a label comes twice")
                }
                if rest.first == "," { rest.removeFirst() } else if rest.first != "}" { throw Failure("no comma") }
            }
            rest.removeFirst()
        }
        guard rest.first == " " else { throw Failure("no blank before the value") }
        let number = String(rest.dropFirst())
        guard number.utf8.allSatisfy({ "0123456789.e+-".utf8.contains($0) }), let value = Double(number) else {
            throw Failure("not a number")
        }
        guard !families.isEmpty else { throw Failure("a sample without a family") }
        let sample = Sample(name: name, labels: labels, value: value)
        guard suffix(of: sample, in: families[families.count - 1]) != nil else {
            throw Failure("a sample that is not its family's")
        }
        families[families.count - 1].samples.append(sample)
    }

    /// What the sample's name has behind the family's; nil if the family's type knows no such sample.
    private func suffix(of sample: Sample, in family: Family) -> String? {
        let allowed =
            switch family.type {
            case "counter": format == .openMetrics ? ["_total"] : [""]
            case "histogram": ["_bucket", "_sum", "_count"]
            case "info": ["_info"]
            default: [""]
            }
        return allowed.first { sample.name == family.name + $0 }
    }

    // MARK: Families

    private func check(_ family: Family) throws {
        guard family.type != nil else { throw Failure("no TYPE") }
        guard let help = family.help, !help.isEmpty else { throw Failure("no HELP") }
        var seen: Set<String> = []
        for sample in family.samples {
            let labels = sample.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            guard seen.insert("\(sample.name) \(labels)").inserted else { throw Failure("a series comes twice") }
            if family.type != "gauge", sample.value < 0 { throw Failure("a count below nought") }
            if family.type == "info", sample.value != 1 { throw Failure("an info is not 1") }
        }
        if family.type == "counter", format == .text, !family.name.hasSuffix("_total") {
            throw Failure("a counter that does not end in _total")
        }
        if family.type == "counter", format == .openMetrics, family.name.hasSuffix("_total") {
            throw Failure("a counter's family that ends in _total")
        }
        if family.type != "histogram", ["_bucket", "_sum", "_count"].contains(where: family.name.hasSuffix) {
            throw Failure("named as a part of a histogram")
        }
        if ["_ms", "_milliseconds", "_us", "_kilobytes"].contains(where: family.name.contains) {
            throw Failure("not in base units")
        }
        if family.type == "histogram" { try checkHistogram(family) }
    }

    private func checkHistogram(_ family: Family) throws {
        let buckets = family.samples.filter { $0.name.hasSuffix("_bucket") }
        var lastBound = -Double.infinity
        var lastCount = 0.0
        for bucket in buckets {
            guard let text = bucket.labels["le"], bucket.labels.count == 1 else { throw Failure("a bucket without le") }
            guard let bound = text == "+Inf" ? Double.infinity : Double(text) else { throw Failure("le=\(text)") }
            guard text == "+Inf" || text.contains(".") else { throw Failure("le=\(text) is not in canonical form") }
            guard bound > lastBound else { throw Failure("bounds do not grow") }
            guard bucket.value >= lastCount else { throw Failure("buckets are not cumulative") }
            (lastBound, lastCount) = (bound, bucket.value)
        }
        guard lastBound == .infinity else { throw Failure("no bucket +Inf") }
        guard family.samples.count == buckets.count + 2,
            family.samples.filter({ $0.name == family.name + "_sum" }).count == 1,
            family.samples.first(where: { $0.name == family.name + "_count" })?.value == lastCount
        else { throw Failure("the count is not that of +Inf, or the sum is missing") }
    }

    /// No family may have the name of another's samples.
    private func checkNames() throws {
        var owners: [String: String] = [:]
        for family in families {
            for name in Set(family.samples.map(\.name) + [family.name]) {
                guard owners.updateValue(family.name, forKey: name) == nil else {
                    throw Failure("\(name) is a name of two families")
                }
            }
        }
    }

    // MARK: Words

    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.unicodeScalars.first, !("0"..."9").contains(first) else { return false }
        return text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
                || (colons && $0 == ":")
        }
    }

    private static func unescaped(_ text: String, quotes: Bool) throws -> String {
        var result = ""
        var rest = Substring(text)
        while let next = rest.popFirst() {
            guard next == "\\" else {
                if next == "\"", quotes { throw Failure("a quote that is not escaped") }
                result.append(next)
                continue
            }
            switch rest.popFirst() {
            case "\\": result.append("\\")
            case "n": result.append("\n")
            case "\"" where quotes: result.append("\"")
            default: throw Failure("an escape that does not exist")
            }
        }
        return result
    }
}

extension TestGateway {
    /// What `/metrics` gives.
    public func scrape(_ format: Scrape.Format = .text, port: UInt16? = nil) throws -> Scrape {
        let socket = try TestSocket.connect(port: port ?? self.port)
        let accept =
            switch format {
            case .text: "text/plain"
            case .openMetrics: "application/openmetrics-text; version=1.0.0"
            }
        try socket.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: \(accept)\r\nConnection: close\r\n\r\n")
        let answer = try HTTPAnswer.read(from: socket)
        guard answer.status == 200 else { throw Failure("\(answer.statusLine): \(answer.body)") }
        return try Scrape(answer.body, format)
    }
}
