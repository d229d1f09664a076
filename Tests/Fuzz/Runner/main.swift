import CFuzzer
import FuzzTargets
import Glibc

// sluice-fuzz <target> [libFuzzer's options and directories]

/// Set before libFuzzer runs, and read by its callback on the same thread.
nonisolated(unsafe) var target: FuzzTarget?

var arguments = CommandLine.unsafeArgv
var count = CommandLine.argc
target = count > 1 ? arguments[1].flatMap { FuzzTarget(rawValue: String(cString: $0)) } : nil
guard target != nil else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fatalError("No target is named; expected one of \(names).")
}
// libFuzzer is given the program's name and what follows the target.
arguments[1] = arguments[0]
arguments += 1
count -= 1
var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
exit(
    LLVMFuzzerRunDriver(&count, &rest) { bytes, size in
        // Sound: libFuzzer gives `size` bytes that are valid during the call.
        let input = Array(UnsafeRawBufferPointer(start: bytes, count: size))
        // A trap is a finding, and its text goes to standard error.
        if let finding = target?.finding(in: input) { fatalError(finding) }
        return 0
    })
