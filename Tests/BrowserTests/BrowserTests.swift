import Testing

/// Everything that is tested in a real browser: one is started for all, and they run one after the other.
@Suite("In Chromium", .serialized, .browser)
enum BrowserTests {}

/// Starts the browser before the first test and ends it after the last.
struct BrowserTrait: SuiteTrait, TestScoping {
    @TaskLocal static var current: Chromium?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let browser = try Chromium()
        defer { browser.end() }
        try await Self.$current.withValue(browser) { try await function() }
    }
}

extension Trait where Self == BrowserTrait {
    static var browser: Self { BrowserTrait() }
}

/// The one that runs.
func browser() throws -> Chromium { try #require(BrowserTrait.current, "there is a browser") }
