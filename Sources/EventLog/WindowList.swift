/// Ranges of the global stream below the log, in which a replay looks for twins: joined where they touch, so that few
/// queries cover them. Says only what is to be read; ``ReplayRound`` asks.
struct WindowList {
    /// What lies above it the log has.
    let floor: StreamID
    /// What lies below it is gone; nil: all is.
    let first: StreamID?
    private(set) var windows: [(from: StreamID, through: StreamID)] = []
    /// Milliseconds covered.
    private(set) var span: UInt64 = 0

    init(floor: StreamID, first: StreamID?) {
        self.floor = floor
        self.first = first
    }

    /// Ranges come in ascending order of their ends.
    mutating func add(from: StreamID, through: StreamID) {
        guard let first, through >= first, from <= floor else { return }
        let through = min(through, floor)
        if let last = windows.last, from <= last.through.endShifted(by: 1) {
            guard through > last.through else { return }
            span += through.milliseconds - last.through.milliseconds
            windows[windows.count - 1].through = through
        } else {
            span += through.milliseconds - from.milliseconds
            windows.append((from, through))
        }
    }
}
