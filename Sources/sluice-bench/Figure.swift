/// What a run reports. The raw value is the name in JSON.
enum Figure: String, CaseIterable, Sendable {
    case sockets, channels
    case handshakesPerSecond, cpuPerHandshake, bytesPerConnection
    case returnsPerSecond, cpuPerReturn
    case events, deliveries, deliveriesPerSecond
    case cpuPerDelivery, cpuPerEvent, cpuIdlePerSecond
    case latencyP50, latencyP99, latencyP999, latencyMax
    case residentBytes, residentGrowth
    case lost, doubled, closed

    /// The unit, for people.
    var unit: String {
        switch self {
        case .cpuPerHandshake, .cpuPerReturn, .cpuPerDelivery, .cpuPerEvent, .cpuIdlePerSecond: "µs"
        case .latencyP50, .latencyP99, .latencyP999, .latencyMax: "µs"
        case .bytesPerConnection, .residentBytes, .residentGrowth: "bytes"
        case .sockets, .channels, .events, .deliveries, .lost, .doubled, .closed: ""
        case .handshakesPerSecond, .returnsPerSecond, .deliveriesPerSecond: "/s"
        }
    }

    /// The name, for people.
    var title: String {
        switch self {
        case .sockets: "sockets"
        case .channels: "channels"
        case .handshakesPerSecond: "handshakes"
        case .cpuPerHandshake: "CPU per handshake"
        case .bytesPerConnection: "memory per connection"
        case .returnsPerSecond: "returns with last_id"
        case .cpuPerReturn: "CPU per return"
        case .events: "events"
        case .deliveries: "deliveries"
        case .deliveriesPerSecond: "deliveries"
        case .cpuPerDelivery: "CPU per delivery"
        case .cpuPerEvent: "CPU per event"
        case .cpuIdlePerSecond: "CPU per idle second"
        case .latencyP50: "latency p50"
        case .latencyP99: "latency p99"
        case .latencyP999: "latency p99.9"
        case .latencyMax: "latency max"
        case .residentBytes: "server's memory at the end"
        case .residentGrowth: "server's memory, growth"
        case .lost: "events lost"
        case .doubled: "events doubled"
        case .closed: "connections closed by the server"
        }
    }
}
