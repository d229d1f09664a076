// Hot paths, each by itself: run under valgrind by scripts/microbench, which holds the instructions of one step against a
// committed limit. Instructions do not depend on what else the machine does.
//
//   sluice-microbench                 the names of the paths that have a limit
//   sluice-microbench --growth        the names of those that show how costs grow
//   sluice-microbench <path>          walks it once, and prints how many steps that took

import Gateway
import Glibc

let paths: [(name: String, make: () -> any HotPath)] = [
    ("json-scan", { JSONScanPath() }),
    ("reply-to-batch", { ReplyPath() }),
    ("single-event", { SingleEventPath() }),
    ("log-append", { LogAppendPath() }),
    ("replay-from-log", { ReplayPath() }),
    ("channel-miss", { MissPath(channels: 2000) }),
    ("gather", { GatherPath(.webSocket, slicesBeside: 0) }),
    ("gather-event-stream", { GatherPath(.eventStream, slicesBeside: 1) }),
    ("delivery", { DeliveryPath() }),
    ("request-head", { RequestHeadPath() }),
    ("handshake", { HandshakePath() }),
    ("token", { TokenPath() }),
    ("client-frame", { ClientFramePath() }),
]

var growth: [(name: String, make: () -> any HotPath)] = []
for events in [1_000, 10_000, 100_000, 1_000_000] {
    growth.append(("append-\(events)-events", { AppendGrowth(events: events) }))
    growth.append(("replay-\(events)-events", { ReplayGrowth(events: events, channels: 100) }))
}
for channels in [100, 1_000, 10_000, 100_000] {
    growth.append(("replay-\(channels)-channels", { ReplayGrowth(events: 1_000_000, channels: channels) }))
    growth.append(("miss-\(channels)-channels", { MissPath(channels: channels) }))
}

switch CommandLine.arguments.dropFirst().first {
case nil:
    for path in paths { print(path.name) }
case "--growth":
    for path in growth { print(path.name) }
case let name?:
    guard let path = (paths + growth).first(where: { $0.name == name }) else { fatalError("there is no path \(name)") }
    print(Measurement.carryOut(path.make()))
}
