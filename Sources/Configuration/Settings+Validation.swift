extension Settings {
    /// What is wrong with these values beyond their types and ranges, in the order of the table. Empty: nothing.
    func validate() -> [Finding] {
        var findings: [Finding] = []
        func expect(_ isRight: Bool, _ key: String, _ found: @autoclosure () -> String, _ expected: String) {
            if !isRight { findings.append(Finding(key: key, found: found(), expected: expected)) }
        }
        func expectHost(_ host: String, _ key: String) {
            expect(
                isHost(host), key, host.isEmpty ? "is empty" : "is \(shown(host))",
                "a host name or an IP address, without scheme, port or brackets,")
        }

        if !host.isEmpty { expectHost(host, "host") }
        findings += tlsFindings()
        expect(
            !logToFile || isPath(logFilename), "logFilename", "is \(shown(logFilename))", "a path (logToFile is set)")
        expectHost(statsd.host, "statsd.host")
        for (index, tag) in statsd.globalTags.enumerated() {
            expect(
                isTag(tag), "statsd.globalTags[\(index)]", "is \(shown(tag))",
                "a tag such as \"env:prod\", without \"|\" and line breaks,")
        }
        expect(
            metricsPort == 0 || metricsPort != port, "metricsPort", "is \(metricsPort), as \"port\" is",
            "another port, or 0 for /metrics on the main one,")
        expectHost(redis.host, "redis.host")
        if let path = redis.socketPath {
            expect(
                isPath(path) && path.utf8.count <= 107, "redis.socketPath", "is \(shown(path))",
                "a path of 1 to 107 bytes (the system's limit)")
        }
        findings += redisFindings()
        findings += tokenFindings()
        expect(
            isCookieName(jwtCookieName), "jwtCookieName", "is \(shown(jwtCookieName))",
            "a cookie name (letters, digits and !#$%&'*+-.^_`|~)")
        expect(!jwtChannelIdKey.isEmpty, "jwtChannelIdKey", "is empty", "the name of a claim")
        for (index, origin) in allowedOrigins.enumerated() {
            expect(
                OriginPattern.isValid(origin), "allowedOrigins[\(index)]", "is \(shown(origin))",
                "\"*\", \"null\" or an origin without a path, such as https://a.example, http://a.example:8088 or https://*.a.example,"
            )
        }
        return findings
    }

    /// What works and is most likely not meant.
    func remarks() -> [(kind: Warning.Kind, key: String, message: String)] {
        var remarks: [(kind: Warning.Kind, key: String, message: String)] = []
        remarks += tokenRemarks()
        if socketResponseTimeoutMs <= pingSocketsIntervalMs {
            // On whichever of the two was set: the other may be a default.
            for key in ["socketResponseTimeoutMs", "pingSocketsIntervalMs"] {
                remarks.append(
                    (
                        .doubtfulValue, key,
                        "\"socketResponseTimeoutMs\" (\(socketResponseTimeoutMs)) is not above "
                            + "\"pingSocketsIntervalMs\" (\(pingSocketsIntervalMs)): "
                            + "idle peers are dropped before they are asked for a sign of life."
                    ))
            }
        }
        if pollDelayMaxMs < pollDelayMinMs {
            remarks.append(
                (
                    .doubtfulValue, "pollDelayMaxMs",
                    "\"pollDelayMaxMs\" (\(pollDelayMaxMs)) is below \"pollDelayMinMs\" (\(pollDelayMinMs)): the latter counts."
                ))
        }
        if presence, pollDelayMaxMs > presenceTtlMs / 3 {
            remarks.append(
                (
                    .doubtfulValue, "presenceTtlMs",
                    "\"presenceTtlMs\" (\(presenceTtlMs)) is less than three times \"pollDelayMaxMs\" (\(pollDelayMaxMs)): "
                        + "a client that polls may seem to be away between two polls."
                ))
        }
        if redisStreamPrefix.isEmpty {
            remarks.append(
                (
                    .doubtfulValue, "redisStreamPrefix",
                    "\"redisStreamPrefix\" is empty: every stream in this database can be read as a channel."
                ))
        }
        remarks += tlsRemarks()
        remarks += redisRemarks()
        return remarks
    }

    /// Brings values that may be written in several ways into the one form ``Settings`` promises.
    mutating func normalise() {
        allowedOrigins = allowedOrigins.map(OriginPattern.normalised)
    }
}

func isHost(_ text: String) -> Bool {
    let isPlain = text.utf8.allSatisfy { byte in
        isAlphanumeric(byte) || "-._:%".utf8.contains(byte)
    }
    // One colon is a port; an IPv6 address has two or more.
    return isPlain && !text.isEmpty && text.utf8.count { $0 == UInt8(ascii: ":") } != 1
}

func isPath(_ text: String) -> Bool {
    !text.isEmpty && !text.utf8.contains(0)
}

private func isTag(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "|") }
}

/// RFC 6265, section 4.1.1: a token of RFC 2616, section 2.2.
private func isCookieName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
