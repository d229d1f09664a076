import Glibc

/// Raises this process's soft limit of open descriptors (`RLIMIT_NOFILE`) to the hard one and returns what holds now.
/// If the kernel refuses, the soft limit is what it was.
@discardableResult
public func raiseDescriptorLimit() -> (soft: UInt64, hard: UInt64) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return (0, 0) }
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if limit.rlim_cur < limit.rlim_max,
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0
    {
        limit = raised
    }
    return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
}
