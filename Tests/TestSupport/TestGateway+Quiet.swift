public import Configuration

extension TestGateway {
    /// A gateway that sends no pings for days, for tests that look at each frame (usually the first one comes at a
    /// random moment of the first 20 seconds), and no reports to StatsD while a test runs.
    public static func quiet(_ redis: RedisProcess, _ configure: (inout Settings) -> Void = { _ in }) throws
        -> TestGateway
    {
        try TestGateway(redis: redis) {
            $0.pingSocketsIntervalMs = 1_000_000_000
            $0.socketResponseTimeoutMs = 2_000_000_000
            $0.statsd.reportIntervalMs = 600_000
            configure(&$0)
        }
    }
}
