/// A figure that the gateway gives out: name, kind, help text, and where its numbers are. ``all`` is the one table of them
/// (DESIGN 1.6).
public struct Figure: Sendable {
    /// How the figure moves.
    public enum Kind: String, Sendable, Equatable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
        /// Numbers by bucket, in microseconds: ``histogram(in:)``.
        case histogram
        /// Always 1; what it says is in its label.
        case info
    }

    /// What the numbers of counters and gauges count.
    public enum Unit: Sendable, Equatable {
        case things
        case bytes
        case milliseconds
    }

    /// Who sends the figure to StatsD.
    public enum Sender: Sendable, Equatable {
        /// Each loop what it has counted itself: sums need not be taken, nor can they be lost.
        case eachLoop
        /// One loop for all: a level, or what is known of the process.
        case oneLoop
        /// Nobody: it never changes.
        case none
    }

    /// Which part of a figure a number is: `transport` and `websocket`, for example.
    public struct Label: Sendable, Equatable {
        /// The same for all of a figure's numbers.
        public let name: String
        /// A lower-case word; a version in ``Kind/info``.
        public let value: String
    }

    /// One number of the figure, with its label if it has one.
    public struct Sample: Sendable, Equatable {
        /// Nil for a figure that is one number.
        public let label: Label?
        /// The count or level, in ``Figure/unit``.
        public let value: Int
    }

    /// The name in StatsD: lower-case words with underscores, ending in `_ms` for milliseconds (a timer's does not:
    /// StatsD says that otherwise).
    public let name: String
    /// The name in Prometheus: with the house's prefix (the process's own have the names that Prometheus' libraries give
    /// them), in seconds where StatsD has milliseconds, and with the usual ending.
    public let prometheusName: String
    /// How it moves.
    public let kind: Kind
    /// Of the numbers in ``samples(in:)``.
    public let unit: Unit
    /// What tells its numbers apart; nil for a figure that is one number.
    public let label: String?
    /// One sentence.
    public let help: String
    /// Who sends it to StatsD.
    public let sender: Sender
    private let read: @Sendable (Snapshot) -> [Sample]
    private let readHistogram: (@Sendable (Snapshot) -> LatencyHistogram)?

    /// The figure's numbers in a snapshot. None where it is not known, and of a histogram.
    public func samples(in snapshot: Snapshot) -> [Sample] { read(snapshot) }

    /// The buckets of a histogram; nil for all other kinds.
    public func histogram(in snapshot: Snapshot) -> LatencyHistogram? { readHistogram?(snapshot) }

    /// - Parameters:
    ///   - base: the name without what the unit and the kind add.
    ///   - values: each with the value of the label.
    init(
        _ base: String, _ kind: Kind, _ help: String, unit: Unit = .things, prefix: String = "sluice_",
        label: String? = nil, sender: Sender, values: @escaping @Sendable (Snapshot) -> [(String?, Int)],
        histogram: (@Sendable (Snapshot) -> LatencyHistogram)? = nil
    ) {
        let isTime = unit == .milliseconds
        name = isTime && kind != .histogram ? base + "_ms" : base
        let ending =
            switch kind {
            case .counter: "_total"
            case .gauge, .histogram: ""
            case .info: "_info"
            }
        prometheusName = prefix + base + (isTime ? "_seconds" : "") + ending
        self.kind = kind
        self.unit = unit
        self.label = label
        self.help = help
        self.sender = sender
        read = { snapshot in
            values(snapshot).map { value, number in
                Sample(label: label.flatMap { name in value.map { Label(name: name, value: $0) } }, value: number)
            }
        }
        readHistogram = histogram
    }
}
