/// How a message's body is delimited (RFC 9112 section 6.3): the place where request smuggling begins, hence strict.
struct MessageFraming: Sendable {
    private(set) var contentLength: Int?
    private(set) var isChunked = false

    init(_ fields: HeaderFields, minorVersion: Int) throws(Refusal) {
        if fields.first("transfer-encoding") != nil {
            guard fields.first("content-length") == nil else { throw .lengthAndTransferEncoding }
            guard minorVersion >= 1 else { throw .invalidTransferEncoding }
            try checkCodings(fields)
            isChunked = true
        } else {
            contentLength = try Self.length(fields)
        }
    }

    /// `chunked` must stand last, and only there.
    private func checkCodings(_ fields: HeaderFields) throws(Refusal) {
        var endsInChunked = false
        var hasOther = false
        var isValid = true
        fields.forEachElement("transfer-encoding") { coding in
            // Nothing may follow `chunked`, not even itself.
            isValid = isValid && !endsInChunked && !coding.isEmpty
            let chunked: StaticString = "chunked"
            endsInChunked = chunked.withUTF8Buffer { coding.equalsIgnoringCase($0) }
            hasOther = hasOther || !endsInChunked
            return isValid
        }
        guard isValid, endsInChunked else { throw .invalidTransferEncoding }
        guard !hasOther else { throw .unsupportedTransferCoding }
    }

    /// Equal values may be repeated, in one field or several (RFC 9110 section 8.6).
    private static func length(_ fields: HeaderFields) throws(Refusal) -> Int? {
        var length: Int?
        var refusal: Refusal?
        fields.forEachElement("content-length") { element in
            guard let number = decimal(element) else {
                refusal = .invalidContentLength
                return false
            }
            if let length, length != number {
                refusal = .conflictingContentLength
                return false
            }
            length = number
            return true
        }
        if let refusal { throw refusal }
        return length
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var number = 0
        for byte in digits {
            guard ByteClass.isDigit(byte) else { return nil }
            let (tens, tensOverflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !tensOverflow, !sumOverflow else { return nil }
            number = sum
        }
        return number
    }
}
