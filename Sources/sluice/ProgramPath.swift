import Glibc

/// How a user can call this program again, in a shell.
enum ProgramPath {
    /// The shortest of: the name it was called by, if that leads to it from here; its path; its path from here.
    static var shortest: String {
        let absolute = linkTarget("/proc/self/exe") ?? CommandLine.arguments[0]
        var candidates = [absolute]
        if let here = workingDirectory, absolute.hasPrefix(here + "/") {
            let relative = String(absolute.dropFirst(here.utf8.count + 1))
            candidates.append(relative.contains("/") ? relative : "./" + relative)
        }
        let called = CommandLine.arguments.first ?? ""
        if called.contains("/")
            ? isSame(called, absolute) : PrivateRedis.find(called).map({ isSame($0, absolute) }) == true
        {
            candidates.append(called)
        }
        return shellWord(candidates.min { $0.utf8.count < $1.utf8.count } ?? absolute)
    }

    private static func linkTarget(_ link: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { readlink(link, $0.baseAddress!, $0.count) }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    private static var workingDirectory: String? {
        guard let path = getcwd(nil, 0) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }

    private static func isSame(_ one: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }

    /// `text` as one word of a POSIX shell.
    static func shellWord(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-+:@%,".utf8.contains(byte)
            }
        }
        if isPlain, !text.isEmpty { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
