// Hot paths, each by itself: run under valgrind by scripts/microbench, which holds the instructions of one step against a
// committed limit. Instructions do not depend on what else the machine does.
//
//   sluice-microbench                 the paths' names
//   sluice-microbench <path>          takes its steps once, and prints how many they were

import Glibc

let paths: [any HotPath.Type] = [
    JSONScanPath.self, ReplyPath.self, SingleEventPath.self, LogAppendPath.self, ReplayPath.self, MissPath.self,
    GatherPath.self,
]

guard CommandLine.arguments.count == 2 else {
    for path in paths { print(path.name) }
    exit(0)
}
guard let path = paths.first(where: { $0.name == CommandLine.arguments[1] }) else {
    fatalError("there is no path \(CommandLine.arguments[1])")
}
print(Measurement.carryOut(path))
