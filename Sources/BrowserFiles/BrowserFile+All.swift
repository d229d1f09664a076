import CBrowserFiles

extension BrowserFile {
    private static let script = "text/javascript; charset=utf-8"

    /// `/sluice.js`: the client, which defines `Sluice` for the scripts that follow.
    public static let client = BrowserFile(bytes(of: sluice_client_js), contentType: script)

    /// `/sluice.mjs`: the same as a module, which exports `Sluice` and defines nothing.
    public static let clientModule = BrowserFile(
        bytes(of: sluice_client_js) + Array("\nexport { Sluice, Sluice as default };\n".utf8), contentType: script)

    /// `/console`: the page, with its style and its scripts in it, and a policy that lets no others run and nothing be loaded from
    /// elsewhere.
    public static let console: BrowserFile = {
        // As they stand in the file, so that it can be looked at in an editor's preview.
        let style = text(of: sluice_console_css)
        let scripts = [
            ("sluice.js", text(of: sluice_client_js)), ("charts.js", text(of: sluice_charts_js)),
            ("console.js", text(of: sluice_console_js)),
        ]
        var page = text(of: sluice_console_html)
        page = page.replacing("<link rel=\"stylesheet\" href=\"console.css\">", with: "<style>\(style)</style>")
        for (name, script) in scripts {
            page = page.replacing("<script src=\"\(name)\"></script>", with: "<script>\(script)</script>")
        }
        let hashes = scripts.map { "'sha256-\(sha256(Array($0.1.utf8)))'" }.joined(separator: " ")
        let policy = [
            "default-src 'none'", "script-src \(hashes)", "style-src 'sha256-\(sha256(Array(style.utf8)))'",
            "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ]
        return BrowserFile(
            Array(page.utf8), contentType: "text/html; charset=utf-8", securityPolicy: policy.joined(separator: "; "))
    }()

    private static func bytes(of file: sluice_file) -> [UInt8] {
        Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
    }

    private static func text(of file: sluice_file) -> String { String(decoding: bytes(of: file), as: UTF8.self) }
}
