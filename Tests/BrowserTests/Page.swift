import Foundation
import TestSupport

/// A tab in a profile of its own, with cookies and storage that no other has.
final class Page {
    private let browser: Chromium
    private let context: String
    private let target: String
    private let session: String
    private var seen: [Chromium.Event] = []

    /// - Parameters:
    ///   - sibling: a page whose profile it shares.
    init(_ browser: Chromium, sharingProfileOf sibling: Page? = nil, width: Int = 1280, height: Int = 900) throws {
        self.browser = browser
        context = try sibling?.context ?? Self.text(browser.call("Target.createBrowserContext"), "browserContextId")
        target = try Self.text(
            browser.call("Target.createTarget", ["url": "about:blank", "browserContextId": context]), "targetId")
        session = try Self.text(
            browser.call("Target.attachToTarget", ["targetId": target, "flatten": true]), "sessionId")
        ownsContext = sibling == nil
        for domain in ["Page", "Runtime", "Log", "Network"] { try call("\(domain).enable") }
        try size(width, height)
    }

    private let ownsContext: Bool

    deinit {
        _ = try? browser.call("Target.closeTarget", ["targetId": target])
        if ownsContext { _ = try? browser.call("Target.disposeBrowserContext", ["browserContextId": context]) }
    }

    private static func text(_ object: [String: Any], _ key: String) throws -> String {
        guard let text = object[key] as? String else { throw Failure("the browser's answer has no \(key): \(object)") }
        return text
    }

    @discardableResult
    func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        try browser.call(method, parameters, session: session)
    }

    // MARK: Where it is

    func size(_ width: Int, _ height: Int, isPhone: Bool = false) throws {
        try call(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": isPhone ? 2 : 1, "mobile": isPhone])
    }

    func setDark(_ isDark: Bool) throws {
        let feature = ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]
        try call("Emulation.setEmulatedMedia", ["features": [feature]])
    }

    /// Loads a page and waits until it is there.
    func open(_ url: String) throws {
        try run("window.isOld = true; 0")
        let answer = try call("Page.navigate", ["url": url])
        if let error = answer["errorText"] as? String { throw Failure("\(url) was not loaded: \(error)") }
        try wait("window.isOld === undefined && document.readyState === 'complete'")
    }

    func reload() throws {
        try run("window.isOld = true; 0")
        try call("Page.reload")
        try wait("window.isOld === undefined && document.readyState === 'complete'")
    }

    func setCookie(_ name: String, _ value: String, url: String) throws {
        try call("Network.setCookie", ["name": name, "value": value, "url": url, "httpOnly": true])
    }

    // MARK: Scripts

    /// The value of an expression, awaited if it is a promise.
    @discardableResult
    func run(_ script: String) throws -> Any? {
        let answer = try call(
            "Runtime.evaluate",
            ["expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true])
        if let details = answer["exceptionDetails"] as? [String: Any] {
            let exception = details["exception"] as? [String: Any]
            throw Failure("\(exception?["description"] ?? details["text"] ?? details) in: \(script.prefix(300))")
        }
        return (answer["result"] as? [String: Any])?["value"]
    }

    func text(_ script: String) throws -> String { "\(try run("String(\(script))") ?? "")" }
    func number(_ script: String) throws -> Int { (try run("Number(\(script))") as? NSNumber)?.intValue ?? 0 }
    func texts(_ script: String) throws -> [String] { try run(script) as? [String] ?? [] }

    /// Waits until the expression is true.
    func wait(_ script: String, within seconds: Double = 30) throws {
        do {
            try eventually(script, within: seconds) { try run("Boolean(\(script))") as? Bool == true }
        } catch {
            let state = (try? text("document.body?.innerText.slice(0, 2000)")) ?? ""
            throw Failure("\(error)\nThe page says: \(state)\nErrors: \((try? errors()) ?? [])")
        }
    }

    // MARK: The user

    /// Clicks into the middle of an element, as a mouse does.
    func click(_ selector: String) throws {
        let script = """
            (() => { const found = document.querySelector(\(Self.literal(selector)));
              found.scrollIntoView({ block: 'center', behavior: 'instant' });
              const box = found.getBoundingClientRect();
              return [box.left + box.width / 2, box.top + box.height / 2]; })()
            """
        guard let place = try run(script) as? [NSNumber], place.count == 2 else {
            throw Failure("there is no \(selector)")
        }
        for kind in ["mousePressed", "mouseReleased"] {
            try call(
                "Input.dispatchMouseEvent",
                [
                    "type": kind, "x": place[0].doubleValue, "y": place[1].doubleValue, "button": "left",
                    "clickCount": 1,
                ])
        }
    }

    enum Key: String {
        case tab = "Tab"
        case enter = "Enter"
        case space = " "
    }

    /// Presses a key and lets go of it.
    func press(_ key: Key, control: Bool = false) throws {
        let (code, number, text) =
            switch key {
            case .tab: ("Tab", 9, "")
            case .enter: ("Enter", 13, "\r")
            case .space: ("Space", 32, " ")
            }
        for kind in ["keyDown", "keyUp"] {
            var parameters: [String: Any] = [
                "type": kind, "key": key.rawValue, "code": code, "windowsVirtualKeyCode": number,
                "modifiers": control ? 2 : 0,
            ]
            if kind == "keyDown", !control { parameters["text"] = text }
            try call("Input.dispatchKeyEvent", parameters)
        }
    }

    /// Replaces what is selected, or stands in the focused field.
    func type(_ text: String) throws {
        try run("document.activeElement.select?.()")
        try call("Input.insertText", ["text": text])
    }

    static func literal(_ text: String) -> String {
        let data = try? JSONSerialization.data(withJSONObject: [text])
        return String(decoding: data ?? Data("[\"\"]".utf8), as: UTF8.self).dropFirst().dropLast() + ""
    }

    // MARK: What it looks like

    /// A picture of the whole page, as PNG. It is also kept, as `<name>.png`, in the directory that `SLUICE_SCREENSHOTS` names.
    @discardableResult
    func picture(_ name: String) throws -> Data {
        let answer = try call("Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true])
        guard let text = answer["data"] as? String, let data = Data(base64Encoded: text) else {
            throw Failure("the browser gave no picture")
        }
        if let directory = ProcessInfo.processInfo.environment["SLUICE_SCREENSHOTS"] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try data.write(to: URL(fileURLWithPath: "\(directory)/\(name).png"))
        }
        return data
    }

    // MARK: What went wrong

    /// What stands in the console as an error since the page was made: exceptions, violations of the content security policy, requests
    /// that failed.
    func errors() throws -> [String] {
        seen += try browser.takeEvents(session: session)
        return seen.compactMap { event in
            switch event.method {
            case "Runtime.exceptionThrown":
                let details = event.parameters["exceptionDetails"] as? [String: Any]
                return "\((details?["exception"] as? [String: Any])?["description"] ?? details?["text"] ?? "exception")"
            case "Runtime.consoleAPICalled" where event.parameters["type"] as? String == "error":
                return "console.error: \(event.parameters["args"] ?? "")"
            case "Log.entryAdded":
                let entry = event.parameters["entry"] as? [String: Any]
                guard entry?["level"] as? String == "error" else { return nil }
                return "\(entry?["source"] ?? ""): \(entry?["text"] ?? "") \(entry?["url"] ?? "")"
            default: return nil
            }
        }
    }
}
