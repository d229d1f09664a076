import Testing

/// Real processes and real time: one world at a time, or they would hold each other up.
@Suite("Faults", .serialized)
struct RealFaults {}
