/// The figures as the console's page reads them. Does no I/O.
public enum FiguresJSON {
    /// A JSON object in one line: `time`, and in `figures` each figure under its name: a number, an object with one for each
    /// value of its label, or, of a histogram, the bounds in microseconds and how many fell up to each of them and beyond
    /// the last. What never changes is left out.
    /// - Parameter timeMilliseconds: of the snapshot, since 1970.
    public static func render(_ snapshot: Snapshot, timeMilliseconds: Int64) -> String {
        var members: [String] = []
        for figure in Figure.all where figure.kind != .info {
            if let value = value(of: figure, in: snapshot) { members.append("\"\(figure.name)\":\(value)") }
        }
        return "{\"time\":\(timeMilliseconds),\"figures\":{\(members.joined(separator: ","))}}"
    }

    private static func value(of figure: Figure, in snapshot: Snapshot) -> String? {
        if let histogram = figure.histogram(in: snapshot) {
            let bounds = LatencyHistogram.bounds.map { "\($0)" }.joined(separator: ",")
            let counts = histogram.buckets.map { "\($0.count)" }.joined(separator: ",")
            return "{\"bounds\":[\(bounds)],\"counts\":[\(counts)]}"
        }
        let samples = figure.samples(in: snapshot)
        guard figure.label != nil else { return samples.first.map { "\($0.value)" } }
        // Labels are lower-case words: nothing in them needs an escape.
        let members = samples.compactMap { sample in sample.label.map { "\"\($0.value)\":\(sample.value)" } }
        return "{\(members.joined(separator: ","))}"
    }
}
