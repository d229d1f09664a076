extension Settings {
    /// What is wrong with the keys of Redis among themselves, and in its files and sentinels.
    func redisFindings() -> [Finding] {
        var findings: [Finding] = []
        let files = [
            ("redis.caFile", redis.caFile), ("redis.certificateFile", redis.certificateFile),
            ("redis.keyFile", redis.keyFile),
        ]
        for (key, path) in files {
            guard let path, !isPath(path) else { continue }
            findings.append(Finding(key: key, found: "is \(shown(path))", expected: "a path"))
        }
        if redis.certificateFile != nil, redis.keyFile == nil {
            findings.append(
                Finding(key: "redis.keyFile", found: "is not set", expected: "the key to redis.certificateFile"))
        }
        if redis.keyFile != nil, redis.certificateFile == nil {
            findings.append(
                Finding(key: "redis.certificateFile", found: "is not set", expected: "the certificate to redis.keyFile")
            )
        }
        for (index, sentinel) in redis.sentinels.enumerated()
        where HostAndPort(sentinel, defaultPort: 26_379) == nil {
            findings.append(
                Finding(
                    key: "redis.sentinels[\(index)]", found: "is \(shown(sentinel))",
                    expected: "a host, host:port or [IPv6 address]:port"))
        }
        if !redis.sentinels.isEmpty {
            if redis.sentinelName.isEmpty {
                findings.append(
                    Finding(
                        key: "redis.sentinelName", found: "is not set",
                        expected: "what the sentinels call the primary (redis.sentinels is set)"))
            }
            if redis.socketPath != nil {
                findings.append(
                    Finding(
                        key: "redis.sentinels", found: "is set beside the Unix socket redis.socketPath",
                        expected: "one way to Redis"))
            }
        }
        return findings
    }

    /// What of it works and is most likely not meant.
    func redisRemarks() -> [(kind: Warning.Kind, key: String, message: String)] {
        var remarks: [(kind: Warning.Kind, key: String, message: String)] = []
        func remark(_ key: String, _ message: String) { remarks.append((.doubtfulValue, key, message)) }
        if redis.socketPath != nil, redis.ssl {
            remark("redis.ssl", "\"redis.ssl\" has no effect over the Unix socket redis.socketPath.")
        }
        if !redis.ssl {
            let files = [
                ("redis.caFile", redis.caFile), ("redis.certificateFile", redis.certificateFile),
                ("redis.keyFile", redis.keyFile),
            ]
            for (key, path) in files where path != nil {
                remark(key, "\"\(key)\" has no effect without \"redis.ssl\".")
            }
        }
        if redis.sentinels.isEmpty, !redis.sentinelName.isEmpty {
            remark("redis.sentinelName", "\"redis.sentinelName\" has no effect without \"redis.sentinels\".")
        }
        return remarks
    }
}
