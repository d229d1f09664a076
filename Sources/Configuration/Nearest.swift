/// The known key (or object) nearest to an unknown path, or nil if none is near.
func nearestKey(to path: String) -> String? {
    nearest(to: path, among: Key.all.map(\.path) + Key.groups.keys.sorted())
}

/// The known variable nearest to an unknown one with the prefix `GAQ_`, or nil if none is near.
func nearestVariable(to name: String) -> String? {
    nearest(to: String(name.dropFirst(Key.variablePrefix.count)), among: Key.all.map(\.environmentVariable))
}

private func nearest(to name: String, among candidates: [String]) -> String? {
    let wanted = letters(of: name)
    // A third of the letters wrong is a typing error; beyond that a suggestion misleads.
    let limit = max(1, wanted.count / 3)
    var best: (distance: Int, name: String)?
    for candidate in candidates {
        let known = letters(of: candidate)
        // A known name that lacks its beginning: "streamPrefix", "password".
        let isTail = wanted.count >= 4 && known.count > wanted.count && known.suffix(wanted.count) == wanted[...]
        let distance = isTail ? min(1, limit) : editDistance(wanted, known)
        if distance <= limit, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.name
}

/// The letters and digits of a name in lower case, so that `jwt_secret` and `JWT-Secret` are `jwtSecret`.
private func letters(of name: String) -> [UInt8] {
    name.lowercased().utf8.filter(isAlphanumeric)
}

/// How many letters must be put in, left out, replaced or swapped with a neighbour to make `a` into `b`.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    // An unknown name may be as long as the file; no known one is.
    guard abs(a.count - b.count) <= 64 else { return .max }
    var twoBack: [Int] = []
    var previous = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var row = [i + 1]
        for (j, other) in b.enumerated() {
            var distance = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (letter == other ? 0 : 1))
            if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other { distance = min(distance, twoBack[j - 1] + 1) }
            row.append(distance)
        }
        twoBack = previous
        previous = row
    }
    return previous[b.count]
}
