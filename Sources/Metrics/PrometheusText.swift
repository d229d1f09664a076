/// The figures as Prometheus reads them. Does no I/O.
///
/// Two forms that differ in small things: the text format 0.0.4, which everybody reads, and OpenMetrics 1.0. Both name the
/// same series, also in the bounds of buckets (`le="1.0"`), so that one who changes between them keeps his history.
public enum PrometheusText {
    /// What a scraper may ask for.
    public enum Format: Sendable, CaseIterable {
        /// The text format, version 0.0.4.
        case text
        /// OpenMetrics, version 1.0.0.
        case openMetrics

        /// The media type with its parameters.
        public var contentType: String {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    /// All figures of the snapshot, each with its help and its type.
    public static func render(_ snapshot: Snapshot, as format: Format) -> [UInt8] {
        var text = ""
        text.reserveCapacity(16 * 1024)
        for figure in Figure.all { append(figure, of: snapshot, as: format, to: &text) }
        if format == .openMetrics { text += "# EOF\n" }
        return Array(text.utf8)
    }

    private static func append(_ figure: Figure, of snapshot: Snapshot, as format: Format, to text: inout String) {
        let name = figure.prometheusName
        let family = familyName(of: figure, as: format)
        text += "# HELP \(family) \(escapedHelp(figure.help, as: format))\n"
        text += "# TYPE \(family) \(typeName(of: figure, as: format))\n"
        // A unit may be named only where the family's name ends in it.
        if format == .openMetrics, let unit = ["seconds", "bytes"].first(where: { family.hasSuffix("_\($0)") }) {
            text += "# UNIT \(family) \(unit)\n"
        }
        if let histogram = figure.histogram(in: snapshot) { return append(histogram, named: name, to: &text) }
        for sample in figure.samples(in: snapshot) {
            text += name
            if let label = sample.label { text += "{\(label.name)=\"\(escapedValue(label.value))\"}" }
            text += " "
            switch figure.unit {
            case .things, .bytes: text += String(sample.value)
            case .milliseconds: text += decimal(sample.value, fractionDigits: 3)
            }
            text += "\n"
        }
    }

    private static func append(_ histogram: LatencyHistogram, named name: String, to text: inout String) {
        var count = 0
        for (index, bucket) in histogram.buckets.enumerated() {
            count += bucket.count
            let bounds = LatencyHistogram.bounds
            let bound = index < bounds.count ? boundText(bounds[index]) : "+Inf"
            text += "\(name)_bucket{le=\"\(bound)\"} \(count)\n"
        }
        text += "\(name)_sum \(decimal(histogram.sum, fractionDigits: 6))\n"
        text += "\(name)_count \(count)\n"
    }

    /// OpenMetrics leaves the ending of counters and infos to their samples.
    private static func familyName(of figure: Figure, as format: Format) -> String {
        let name = figure.prometheusName
        guard format == .openMetrics else { return name }
        return switch figure.kind {
        case .counter: String(name.dropLast("_total".utf8.count))
        case .info: String(name.dropLast("_info".utf8.count))
        case .gauge, .histogram: name
        }
    }

    private static func typeName(of figure: Figure, as format: Format) -> String {
        // The older form knows no infos.
        figure.kind == .info && format == .text ? "gauge" : figure.kind.rawValue
    }

    /// Microseconds as seconds, with a point always: the form that OpenMetrics wants of bounds.
    static func boundText(_ microseconds: Int) -> String {
        let text = decimal(microseconds, fractionDigits: 6)
        return text.utf8.contains(UInt8(ascii: ".")) ? text : text + ".0"
    }

    /// `value` divided by ten to the number of digits, without needless noughts.
    static func decimal(_ value: Int, fractionDigits: Int) -> String {
        var digits = String(value.magnitude)
        while digits.utf8.count <= fractionDigits { digits = "0" + digits }
        var fraction = digits.suffix(fractionDigits)
        let whole = digits.dropLast(fractionDigits)
        while fraction.last == "0" { fraction.removeLast() }
        return (value < 0 ? "-" : "") + whole + (fraction.isEmpty ? "" : "." + fraction)
    }

    static func escapedHelp(_ text: String, as format: Format) -> String {
        escaped(text, quotes: format == .openMetrics)
    }

    static func escapedValue(_ text: String) -> String { escaped(text, quotes: true) }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
