import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

extension BrowserTests {
    @Suite("The console's page")
    struct ConsoleTests {
        /// A page that was opened by a token in its address, on a gateway with a console.
        private final class Console {
            let redis: RedisProcess
            let gateway: TestGateway
            let page: Page

            init(channel: String = "demo", width: Int = 1280, height: Int = 900) throws {
                redis = try RedisProcess()
                gateway = try TestGateway.quiet(redis) { $0.console = true }.open()
                page = try Page(browser(), width: width, height: height)
                let token = try publisherToken(channel)
                try page.open("http://127.0.0.1:\(gateway.port)/console?token=\(token)")
                for id in ["websocket", "sse"] { try page.wait(Self.state(id, "connected")) }
                try page.wait("document.querySelector('#gateway').textContent === 'serving'")
            }

            static func state(_ id: String, _ state: String) -> String {
                "document.querySelector('#\(id) .state').textContent === '\(state)'"
            }

            /// The texts of the events in a list, with `*` in front of what is said to be replayed.
            func events(_ id: String) throws -> [String] {
                try page.texts(
                    """
                    [...document.querySelectorAll("#\(id) .events li")].map((row) => row.className === "mark-line" ?
                      row.textContent : (row.querySelector(".tag") ? "*" : "") + row.querySelector(".text").textContent)
                    """)
            }

            func expect(_ events: [String], in id: String) throws {
                try page.wait("document.querySelectorAll('#\(id) .events li').length >= \(events.count)")
                #expect(try self.events(id) == events)
            }
        }

        @Test("the whole walk: publish, both get it, cut, publish more, reconnect, and the replay is seen; by mouse")
        func walk() throws {
            let console = try Console()
            let page = console.page
            #expect(
                try page.text("location.pathname + location.search") == "/console",
                "the token is not left in the address")
            #expect(try page.text("document.cookie") == "", "no script can read it")
            #expect(try page.text("document.querySelector('#channel').textContent") == "demo")

            try page.click("#publish .primary")
            for id in ["websocket", "sse"] { try console.expect([#"{"status":"done"}"#], in: id) }
            let entry = try #require(try console.redis.entries().last)
            try page.wait("document.querySelector('#published').textContent === 'published as \(entry.id)'")
            #expect(try page.text("document.querySelector('#sse .last').textContent") == "last \(entry.id)")

            try page.click("#websocket button")
            try page.wait(Console.state("websocket", "cut"))
            #expect(try page.text("document.querySelector('#websocket button').textContent") == "Reconnect")
            try page.click("#data")
            try page.type(#"{"status": "running"}"#)
            try page.click("#ten")
            let ten = (1...10).map { #"{"status":"running","n":\#($0)}"# }
            try console.expect([#"{"status":"done"}"#] + ten, in: "sse")
            #expect(try console.events("websocket") == [#"{"status":"done"}"#, "cut"])

            try page.click("#websocket button")
            let replayed = ten.map { "*" + $0 }
            try console.expect([#"{"status":"done"}"#, "cut", "connected again"] + replayed, in: "websocket")
            try page.click("#publish .primary")
            try console.expect(
                [#"{"status":"done"}"#, "cut", "connected again"] + replayed + [#"{"status":"running"}"#],
                in: "websocket")
            try page.picture("walk")
            #expect(try page.errors() == [])
        }

        @Test("all of it can be done with the keyboard alone, in the order in which it is read")
        func keyboard() throws {
            let console = try Console()
            let page = console.page
            let focused = "document.activeElement.id || document.activeElement.textContent.trim()"
            var order: [String] = []
            for _ in 0..<8 {
                try page.press(.tab)
                order.append(try page.text(focused))
            }
            // The lists can be scrolled by keys.
            #expect(order.prefix(6) == ["data", "Publish", "ten", "Cut", "", "Cut"])
            try page.run("document.querySelector('#data').focus(); 0")
            try page.type(#"{"by": "keys"}"#)
            try page.press(.enter, control: true)
            for id in ["websocket", "sse"] { try console.expect([#"{"by":"keys"}"#], in: id) }
            for _ in 0..<3 { try page.press(.tab) }
            try page.press(.space)
            try page.wait(Console.state("websocket", "cut"))
            try page.press(.enter)
            try page.wait(Console.state("websocket", "connected"))
            #expect(try page.text("document.activeElement.textContent") == "Cut", "the focus stays")
            let unlabelled = """
                [...document.querySelectorAll("button, textarea, [tabindex]")].filter((element) => !element.labels?.length &&
                  !element.textContent.trim() && !element.getAttribute("aria-label")).length
                """
            #expect(try page.number(unlabelled) == 0)
            #expect(try page.errors() == [])
        }

        @Test("an event is text, whatever is in it, and what is no event is refused with a sentence")
        func hostileText() throws {
            let console = try Console()
            let page = console.page
            let markup =
                #"{"channel_id": "demo", "status": "<img src=x onerror=\"window.isHurt = true\"><script>window.isHurt = true</script>"}"#
            _ = try console.redis.publish("demo", markup)
            try page.wait("document.querySelectorAll('#websocket .events li').length === 1")
            #expect(try page.number("document.querySelectorAll('.events img, .events script').length") == 0)
            #expect(try page.text("document.querySelector('#websocket .text').textContent").contains("<img src=x"))
            for (text, part) in [
                ("[1]", "not a JSON object"), ("{", "not a JSON object"), ("null", "not a JSON object"),
            ] {
                try page.click("#data")
                try page.type(text)
                try page.click("#publish .primary")
                try page.wait("document.querySelector('#published').textContent.includes('\(part)')")
            }
            try page.click("#data")
            try page.type(#"{"channel_id": "another"}"#)
            try page.click("#publish .primary")
            try page.wait("document.querySelector('#published').textContent.startsWith('403: ')")
            #expect(try page.text("window.isHurt") == "undefined")
            #expect(try page.errors().filter { !$0.hasPrefix("network:") } == [])
        }

        @Test("the charts show what the gateway counts")
        func charts() throws {
            let console = try Console()
            let page = console.page
            let clients = try (0..<3).map { _ in try console.gateway.connect("demo") }
            try page.wait("document.querySelector('#connections dd').textContent === '4'")
            for _ in 0..<5 { _ = try console.redis.publish("demo", #"{"channel_id": "demo"}"#) }
            // 5 to each of 5, in the figures of one second or of two.
            try page.wait("Number(document.querySelector('#deliveries dd').textContent) > 0")
            try page.wait("document.querySelector('#latency dd').textContent.endsWith(' ms')")
            try page.wait("document.querySelector('#deliveries > svg .series').getAttribute('d').includes('L')")
            #expect(try page.text("document.querySelectorAll('#connections dd')[1].textContent") == "1")
            #expect(try page.text("document.querySelector('#lag dd').textContent").hasSuffix(" ms"))
            let script = "Charts.percentile([1000, 2000, 4000], [0, 10, 10, 0], 0.75)"
            #expect(try page.number(script) == 3000)
            #expect(try page.text("Charts.percentile([1000], [0, 0], 0.5)") == "null")
            #expect(try page.errors() == [])
            withExtendedLifetime(clients) {}
        }

        @Test("it fits, light and dark, on a wide screen and on a phone")
        func looks() throws {
            let console = try Console()
            let page = console.page
            try page.click("#publish .primary")
            try page.click("#websocket button")
            try page.wait(Console.state("websocket", "cut"))
            let long =
                #"{"channel_id": "demo", "status": "done", "result_url": "/api/v1/chart/data/qc-\#(String(repeating: "0123456789abcdef", count: 8))"}"#
            for _ in 0..<12 { _ = try console.redis.publish("demo", long) }
            try page.click("#websocket button")
            try page.wait("document.querySelectorAll('#websocket .tag').length === 12")
            try page.wait("document.querySelector('#deliveries > svg .series').getAttribute('d').includes('L')")
            var pictures: Set<Data> = []
            for (width, isDark) in [(1280, false), (1280, true), (760, false), (390, false), (390, true), (320, false)]
            {
                try page.size(width, 844, isPhone: width < 500)
                try page.setDark(isDark)
                try page.wait(
                    "innerWidth === \(width) && matchMedia('(prefers-color-scheme: dark)').matches === \(isDark)")
                #expect(try page.number("document.documentElement.scrollWidth") == width, "nothing sticks out")
                let outside = """
                    [...document.querySelectorAll("body *")].filter((element) => {
                      const box = element.getBoundingClientRect();
                      return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
                    }).map((element) => element.outerHTML.slice(0, 80))
                    """
                #expect(try page.texts(outside) == [])
                let picture = try page.picture("console-\(width)-\(isDark ? "dark" : "light")")
                #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count > 20_000)
                pictures.insert(picture)
                let small = """
                    [...document.querySelectorAll("button")].filter((button) => button.offsetHeight < \(width < 500 ? 42 : 36)).length
                    """
                #expect(try page.number(small) == 0, "a finger hits them")
            }
            #expect(pictures.count == 6)
            #expect(try page.errors() == [])
        }

        @Test("text has contrast enough, light and dark", arguments: [false, true])
        func contrast(isDark: Bool) throws {
            let console = try Console()
            let page = console.page
            try page.setDark(isDark)
            try page.click("#publish .primary")
            try page.wait("document.querySelectorAll('#sse .events li').length === 1")
            let script = """
                (() => {
                  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
                  const luminance = (color) => channels(color).slice(0, 3).map((value) => value / 255)
                    .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
                  const ground = (element) => {
                    for (; element; element = element.parentElement) {
                      const color = getComputedStyle(element).backgroundColor;
                      if ((channels(color)[3] ?? 1) > 0) return color;
                    }
                    return "rgb(255, 255, 255)";
                  };
                  return [...document.querySelectorAll("h1, h2, p, button, label, span, strong, dt, dd, output, kbd, textarea")]
                    .filter((element) => element.offsetWidth > 0 && element.textContent.trim()).map((element) => {
                      const [a, b] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => b - a);
                      return [(a + 0.05) / (b + 0.05), element.className || element.tagName];
                    }).filter(([ratio]) => ratio < 4.5).map(([ratio, name]) => `${name} ${ratio.toFixed(2)}`);
                })()
                """
            #expect(try page.texts(script) == [])
        }

        @Test("without a good token there is a sentence in its place")
        func refused() throws {
            let redis = try RedisProcess()
            let gateway = try TestGateway.quiet(redis) { $0.console = true }.open()
            let page = try Page(browser())
            try page.open("http://127.0.0.1:\(gateway.port)/console")
            #expect(try page.text("document.body.innerText").contains("The console wants a token"))
        }

        @Test("when its token expires it says so")
        func expiry() throws {
            let redis = try RedisProcess()
            let gateway = try TestGateway.quiet(redis) { $0.console = true }.open()
            let page = try Page(browser())
            let token = WebSocketClient.token("demo", expiresAt: Int64(Date().timeIntervalSince1970) - 27)
            try page.open("http://127.0.0.1:\(gateway.port)/console?token=\(token)")
            try page.wait("!document.querySelector('#notice').hidden")
            try page.wait("document.querySelector('#gateway').textContent === 'no figures'")
        }
    }
}
