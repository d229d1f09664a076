import Foundation

/// What `make sanitize` changes for tests.
public enum Sanitizer {
    /// These tests and their processes run under a sanitizer: shadow, redzones and quarantine, which are no memory of the
    /// program's, count as its own with the kernel: a bound on memory says nothing then. And all takes several times as long.
    public static let isActive = ProcessInfo.processInfo.environment["SLUICE_SANITIZER"] != nil
}
