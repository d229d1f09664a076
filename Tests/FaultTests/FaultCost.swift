import TestSupport

/// What a fault cost: a row of the README's table, whose head `make faults` writes.
struct FaultCost {
    let row: String

    init(_ fault: Fault, _ world: World, _ account: World.Account) {
        let lost = account.findings.isEmpty ? "0 of \(account.events)" : "FAILED"
        let unready = world.watches.map { $0.now.unready + $0.now.down }.max() ?? 0
        let steady = world.fleet.clients.filter(\.isSteady)
        let cuts = steady.reduce(0) { $0 + $1.sights.cuts }
        let wait = steady.map(\.sights.longestWait).max() ?? 0
        row =
            "| \(fault.title) | \(lost) | \(account.repeats) | \(Self.seconds(unready)) | "
            + "\(cuts == 0 ? "none" : "\(cuts) of \(steady.count)") | \(Self.seconds(wait)) |"
    }

    private static func seconds(_ milliseconds: Int) -> String {
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

extension World {
    /// For a failure: the last steps, and what the gateways and clients have to say.
    func report() -> String {
        var lines = ["the last steps:", lastSteps]
        for (index, gateway) in gateways.enumerated() {
            lines.append("gateway \(index), \(gateway.isRunning ? "running" : "ended"):")
            lines += gateway.log(400).map { "  \($0)" }
        }
        for client in fleet.clients {
            lines.append(
                "\(client.record.name): open \(client.isOpen), last event \(client.lastNumber.map { "\($0)" } ?? "-"), cuts "
                    + "\(client.sights.cuts), close codes \(client.sights.closeCodes), refusals \(client.sights.refusals)"
            )
        }
        return lines.joined(separator: "\n")
    }
}
