import Testing

@testable import JSONWebToken

@Suite("exp and nbf")
struct DateTests {
    @Test(
        "exp is valid as long as now is before exp plus 30 s",
        arguments: [
            ("1700000000", 1_700_000_029_999, true), ("1700000000", 1_700_000_030_000, false),
            ("1700000000.5", 1_700_000_030_499, true), ("1700000000.5", 1_700_000_030_500, false),
            // The exact date is a little after …30.500, so …30.500 is still before it.
            ("1700000000.5000001", 1_700_000_030_500, true), ("1700000000.5000001", 1_700_000_030_501, false),
            ("1.7e9", 1_700_000_029_999, true), ("1.7E+9", 1_700_000_030_000, false),
            ("17000000000e-1", 1_700_000_029_999, true), ("17000000000e-1", 1_700_000_030_000, false),
            ("0", 29_999, true), ("0", 30_000, false), ("-0", 29_999, true), ("-30", -1, true), ("-30", 0, false),
            ("1e400", 1_700_000_000_000, true), ("-1e400", 1_700_000_000_000, false), ("1e-400", 29_999, true),
            ("1e-400", 30_000, true), ("1e-400", 30_001, false), ("0e999999999999", 30_000, false),
            ("99999999999999999999999999", 1_700_000_000_000, true), ("9223372036854775807", .max, false),
            ("9223372036854775807", 4_611_686_018_427_417_903, true),
            ("-99999999999999999999999999", .min, true), ("-99999999999999999999999999", 0, false),
        ] as [(String, Int64, Bool)])
    func expiry(number: String, now: Int64, isValid: Bool) throws {
        let verification = try verifier().verify(token(#"{"channel":"a","exp":\#(number)}"#), at: now)
        if case .accepted(let identity) = verification {
            #expect(isValid)
            #expect(identity.expiresAtMilliseconds != nil)
        } else {
            #expect(verification == .refused(.expired))
            #expect(!isValid)
        }
    }

    @Test(
        "nbf is valid from nbf less 30 s on",
        arguments: [
            ("1700000000", 1_699_999_970_000, true), ("1700000000", 1_699_999_969_999, false),
            ("1700000000.5", 1_699_999_970_500, true), ("1700000000.5", 1_699_999_970_499, false),
            ("1700000000.0001", 1_699_999_970_000, false), ("1700000000.0001", 1_699_999_970_001, true),
            ("1.7e9", 1_699_999_970_000, true), ("-1e99", .min, false), ("-1e99", -4_611_686_018_427_417_904, true),
            ("1e99", 1_700_000_000_000, false), ("1e99", .max, true), ("-5.5", -35_500, true), ("-5.5", -35_501, false),
        ] as [(String, Int64, Bool)])
    func notBefore(number: String, now: Int64, isValid: Bool) throws {
        let verification = try verifier().verify(token(#"{"nbf":\#(number),"channel":"a"}"#), at: now)
        #expect(verification == (isValid ? accepted("a") : .refused(.notYetValid)))
    }

    @Test(
        "a date that is not a number is refused",
        arguments: ["\"1700000600\"", "\"\"", "true", "false", "null", "[1700000600]", "{}", "{\"a\":1}"])
    func notNumeric(value: String) throws {
        #expect(try verifier().verify(token(#"{"channel":"a","exp":\#(value)}"#)) == .refused(.expiryNotNumeric))
        #expect(try verifier().verify(token(#"{"channel":"a","nbf":\#(value)}"#)) == .refused(.notBeforeNotNumeric))
    }

    @Test(
        "what is no JSON number spoils the payload",
        arguments: [
            "1700000600.", ".5", "+1", "01", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "-", "--1", "1_0",
            "1 0",
            "1.e5", "-.5", "１", "1..2", "1e5.5",
        ])
    func notANumber(value: String) throws {
        #expect(try verifier().verify(token(#"{"channel":"a","exp":\#(value)}"#)) == .refused(.payloadNotJSON))
    }

    @Test("the expiry that is handed out is exp itself, within ±2^62")
    func handedOut() throws {
        for (number, milliseconds) in [
            ("1700000000", 1_700_000_000_000), ("1700000000.0005", 1_700_000_000_001),
            ("1.70000000012345e9", 1_700_000_000_124),
            ("1e18", NumericDate.limit), ("4611686018427387", 4_611_686_018_427_387_000),
            ("4611686018427388", NumericDate.limit), ("1e1000000000000000000000", NumericDate.limit),
            ("0." + String(repeating: "0", count: 5000) + "17e5010", 1_700_000_000_000),
            ("17" + String(repeating: "0", count: 5000) + "e-4992", 1_700_000_000_000),
        ] as [(String, Int64)] {
            let token = try token(#"{"channel":"a","exp":\#(number)}"#)
            #expect(
                try verifier().verify(token, at: 0) == accepted("a", expires: milliseconds), "\(number.prefix(40))")
        }
    }

    @Test("the leeway is what was asked for, and absurd ones do no harm")
    func leeway() throws {
        let token = try token(#"{"channel":"a","exp":1700000000,"nbf":1700000000}"#)
        #expect(try verifier(leeway: 0).verify(token) == .refused(.expired))
        #expect(try verifier(leeway: 1).verify(token, at: 1_700_000_000_999) != .refused(.expired))
        #expect(try verifier(leeway: 1).verify(token, at: 1_699_999_998_999) == .refused(.notYetValid))
        #expect(try verifier(leeway: .min).verify(token) == .refused(.expired))
        #expect(try verifier(leeway: .max).verify(token) == accepted("a", expires: 1_700_000_000_000))
        #expect(try verifier().leewayMilliseconds == 30_000)
    }

    @Test("expired comes before not yet valid, and both before the channel")
    func order() throws {
        #expect(try verifier().verify(token(#"{"exp":1,"nbf":9999999999}"#)) == .refused(.expired))
        #expect(try verifier().verify(token(#"{"nbf":9999999999,"channel":7}"#)) == .refused(.notYetValid))
    }

    @Test("with a wrong signature nothing is said of the claims")
    func signatureFirst() throws {
        let other = Array("another-secret-another-secret-another".utf8)
        for claims in [#"{"exp":1}"#, #"{"channel":1}"#, "garbage"] {
            #expect(try verifier().verify(token(claims, secret: other)) == .refused(.signatureInvalid))
        }
    }
}
