extension RequestHead {
    /// Whether the client has the representation of this tag already: `If-None-Match` names it, or is `*` (RFC 9110 section
    /// 13.1.2). Compared weakly, since a proxy that compresses makes a strong tag weak.
    /// - Parameter entityTag: with its quotes.
    public func hasCopy(entityTag: String) -> Bool {
        var found = false
        fields.forEachElement("if-none-match") { element in
            let isWeak = element.starts(with: "W/".utf8)
            found = element.elementsEqual("*".utf8) || element.dropFirst(isWeak ? 2 : 0).elementsEqual(entityTag.utf8)
            return !found
        }
        return found
    }
}
