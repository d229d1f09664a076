import Foundation
import TestSupport
import Testing

extension BrowserTests {
    /// The pages that the documents show are tried as they stand there.
    @Suite("Documented pages")
    struct DocumentTests {
        /// The first block of HTML in a document.
        private func example(_ document: String) throws -> String {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let text = try String(contentsOf: root.appendingPathComponent(document), encoding: .utf8)
            return String(try #require(text.firstMatch(of: /```html\n((?s).*?)```/)).1)
        }

        /// Shows a page that the gateway's host might have.
        private func show(_ html: String, in scene: Scene) throws {
            try scene.page.open(scene.proxy.url + "/health")
            try scene.page.run("document.open(); document.write(\(Page.literal(html))); document.close(); 0")
        }

        @Test("the README's shows what comes")
        func readme() throws {
            let scene = try Scene()
            try show(example("README.md"), in: scene)
            try eventually("it is connected") { !scene.proxy.requests(.webSocket).isEmpty }
            try scene.gateway.settle()
            try eventually("an event is shown") {
                try scene.publish(1)
                return try scene.page.text("document.querySelector('#events').textContent").contains("done")
            }
            #expect(try scene.faults() == [])
        }

        @Test("that of docs/browser.md says what it has to say")
        func browserDocument() throws {
            let scene = try Scene(expiresAt: Int64(Date().timeIntervalSince1970) - 27)
            let html = try example("docs/browser.md").replacingOccurrences(
                of: "https://push.example", with: scene.proxy.url)
            let functions = """
                <script>
                  var shown = [], renewed = 0, isRenewed;
                  const show = (id, event) => shown.push(`${id} ${event.status}`);
                  const renewCookie = () => (renewed += 1, new Promise((resolve) => isRenewed = resolve));
                </script>
                """
            try show(functions + html, in: scene)
            try scene.page.wait("push.state === 'open'")
            let first = try scene.publish(1)[0]
            try scene.page.wait("shown.length === 1")
            try scene.page.wait("renewed === 1")
            let second = try scene.publish(1)[0]
            try scene.setToken()
            try scene.page.run("isRenewed(); 0")
            try scene.page.wait("shown.length === 2")
            #expect(try scene.page.texts("shown") == ["\(first) done", "\(second) done"])
            #expect(try scene.faults() == [])
        }
    }
}
