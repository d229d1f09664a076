import Configuration
import Foundation
import TestSupport

/// A Redis, a gateway, a proxy in front of it, and a page of the gateway's own host, whose cookie is for the channel `demo`.
final class Scene {
    let redis: RedisProcess
    let gateway: TestGateway
    let proxy: CuttingProxy
    let page: Page

    /// - Parameter expiresAt: of the page's token, in seconds since 1970.
    init(expiresAt: Int64? = nil, _ configure: (inout Settings) -> Void = { _ in }) throws {
        redis = try RedisProcess()
        gateway = try TestGateway.quiet(redis, configure).open()
        proxy = try CuttingProxy(gateway.port)
        page = try Page(browser())
        try setToken(expiresAt: expiresAt)
        try open()
    }

    func setToken(expiresAt: Int64? = nil) throws {
        try page.setCookie("async-token", WebSocketClient.token("demo", expiresAt: expiresAt), url: proxy.url)
    }

    /// Loads a page without any script of its own, and the client into it. Any page of the host would do.
    func open(_ other: Page? = nil) throws {
        let page = other ?? page
        try page.open(proxy.url + "/health")
        try load(page)
    }

    func load(_ page: Page) throws {
        try page.run(
            """
            new Promise((loaded, failed) => {
              const script = document.createElement("script");
              script.src = "/sluice.js";
              script.onload = loaded;
              script.onerror = failed;
              document.head.append(script);
            }).then(() => 0)
            """)
    }

    /// Starts the client. `got` then has the IDs of what it was given, `told` what else it said. Fast, since the tests wait for it.
    func start(_ options: String = "", on other: Page? = nil) throws {
        try (other ?? page).run(
            """
            var got = [], told = [];
            var push = new Sluice("/", { minDelay: 40, maxDelay: 200, openTimeout: 400, climbDelay: 300, \(options) });
            push.addEventListener("message", (event) => got.push(event.lastEventId));
            for (const kind of ["open", "down", "gap", "expired", "refused"]) {
              push.addEventListener(kind, ({ detail }) => told.push({ kind, ...detail }));
            }
            0
            """)
    }

    /// Waits until it is connected in this way.
    func connected(by transport: String) throws {
        try page.wait("push.state === 'open' && push.transport === '\(transport)'")
        // The client's word that it is connected may come before the gateway's that it is there.
    }

    /// Writes events as a producer does. Returns their IDs.
    @discardableResult
    func publish(_ count: Int = 1, _ data: String = "{\"channel_id\": \"demo\", \"status\": \"done\"}") throws
        -> [String]
    {
        let producer = try Producer(socketPath: redis.socketPath, channel: "demo")
        return try (0..<count).map { _ in try producer.publish(data) }
    }

    /// All that the gateway was ever to send to the channel.
    func published() throws -> [String] { try redis.entries().map(\.id) }

    /// Waits until the page has been given exactly these, in this order.
    func expect(_ ids: [String], on other: Page? = nil) throws {
        let page = other ?? page
        guard let last = ids.last else { return }
        try page.wait("got.at(-1) === '\(last)'")
        let got = try page.texts("got")
        guard got == ids else {
            throw Failure("of \(ids.count) events \(got.count) came, or in another order: \(difference(got, ids))")
        }
    }

    /// Waits until the page has been given these last. Before them there may be what was published in the same millisecond as the last event
    /// before it came: that is where it is told to stand.
    func expectAtEnd(_ ids: [String]) throws {
        try page.wait("got.at(-1) === '\(ids.last ?? "")'")
        let got = try page.texts("got")
        guard Array(got.suffix(ids.count)) == ids, Set(got).count == got.count else {
            throw Failure("\(ids) did not come as they should: \(got)")
        }
    }

    private func difference(_ got: [String], _ expected: [String]) -> String {
        let lost = expected.filter { !got.contains($0) }
        let doubled = Set(got.filter { id in got.count { $0 == id } > 1 }).sorted()
        return
            "lost \(lost.prefix(5)), doubled \(doubled.prefix(5)), told \((try? page.text("JSON.stringify(told)")) ?? "")"
    }

    /// Exceptions and violations of policies; that requests fail is part of these tests.
    func faults() throws -> [String] {
        try page.errors().filter { !$0.hasPrefix("network:") && !$0.contains("WebSocket connection to") }
    }
}
