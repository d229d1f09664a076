/// What is told to StatsD every so often: how much counters have grown since the last time, and how levels stand.
///
/// Latencies are timers (`|ms`), which DogStatsD and statsd_exporter both take: one line for each bucket that was added to,
/// with the bucket's mean and a sample rate that stands for how many there were. Confined to one thread.
public struct StatsDReport {
    /// The most observations that the timer's lines of one report stand for: statsd_exporter takes a line with a rate
    /// of 0.001 as a thousand lines. Above that the proportions are kept, the number is not; `deliveries` counts them.
    public static let maxObservations = 1000

    private var told = Snapshot()

    /// Nothing told yet.
    public init() {}

    /// What a loop has counted since the last time.
    public mutating func addCounts(of now: Snapshot, to lines: inout StatsDLines) {
        for figure in Figure.all where figure.sender == .eachLoop {
            if let histogram = figure.histogram(in: now), let before = figure.histogram(in: told) {
                Self.add(histogram.since(before), named: figure.name, to: &lines)
            } else {
                Self.addGrowth(of: figure, from: told, to: now, &lines)
            }
        }
        told = now
    }

    /// How levels stand, over all loops, and what the process has used since the last time.
    public mutating func addLevels(of now: Snapshot, to lines: inout StatsDLines) {
        for figure in Figure.all where figure.sender == .oneLoop {
            guard figure.kind == .gauge else {
                Self.addGrowth(of: figure, from: told, to: now, &lines)
                continue
            }
            for sample in figure.samples(in: now) {
                lines.append(figure.name, value: "\(sample.value)", .gauge, tag: sample.label)
            }
        }
        told.process = now.process
    }

    /// Counters that stand still are left out.
    private static func addGrowth(
        of figure: Figure, from told: Snapshot, to now: Snapshot, _ lines: inout StatsDLines
    ) {
        let before = figure.samples(in: told)
        for sample in figure.samples(in: now) {
            let growth = sample.value - (before.first { $0.label == sample.label }?.value ?? 0)
            if growth != 0 { lines.append(figure.name, value: "\(growth)", .counter, tag: sample.label) }
        }
    }

    private static func add(_ histogram: LatencyHistogram, named name: String, to lines: inout StatsDLines) {
        let total = histogram.count
        for bucket in histogram.buckets where bucket.count > 0 {
            let mean = PrometheusText.decimal(bucket.sum / bucket.count, fractionDigits: 3)
            // The few slow ones are what one looks for: they are never rounded away.
            let weight =
                total <= maxObservations
                ? bucket.count : max(Int(Double(bucket.count) / Double(total) * Double(maxObservations)), 1)
            lines.append(name, value: mean, .timer, rate: rate(for: weight))
        }
    }

    /// The sample rate that stands for so many; nil for one.
    ///
    /// Both readers take the whole part of 1/rate. A rate that stands for a thousandth more than the number cannot be rounded
    /// to the one below it, and hardly changes a sum (DogStatsD multiplies by 1/rate itself).
    static func rate(for weight: Int) -> String? {
        guard weight > 1 else { return nil }
        return PrometheusText.decimal(1_000_000_000_000 / (1000 * weight + 1), fractionDigits: 9)
    }
}
