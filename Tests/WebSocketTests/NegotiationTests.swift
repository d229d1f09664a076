import Testing
import WebSocket

@Suite("permessage-deflate: negotiation")
struct NegotiationTests {
    private func answer(
        _ fields: [String], _ policy: PerMessageDeflate.Policy = .init()
    ) -> PerMessageDeflate.Answer {
        PerMessageDeflate.answer(fields.map { ArraySlice($0.utf8) }, policy: policy)
    }

    private func response(_ fields: [String], _ policy: PerMessageDeflate.Policy = .init()) -> String? {
        guard case .accepted(_, let response) = answer(fields, policy) else { return nil }
        return response
    }

    @Test("nothing is agreed on where nothing is offered, or something else")
    func nothing() {
        #expect(answer([]) == .declined)
        #expect(answer([""]) == .declined)
        #expect(answer(["x-webkit-deflate-frame, mux; max-channels=4; flow-control"]) == .declined)
        #expect(answer(["Permessage-Deflate"]) == .declined, "tokens are compared as they are")
    }

    @Test(
        "an offer with its parameters is answered with them",
        arguments: [
            ("permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits=15", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits=8", "permessage-deflate"),
            ("permessage-deflate ; client_max_window_bits = 9", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate;server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"),
            ("permessage-deflate; server_max_window_bits=\"1\\0\"", "permessage-deflate; server_max_window_bits=10"),
            (
                "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            ),
            (",, mux , permessage-deflate,", "permessage-deflate"),
            (
                "permessage-deflate; server_max_window_bits=10, permessage-deflate",
                "permessage-deflate; server_max_window_bits=10"
            ),
        ])
    func accepted(offer: String, expected: String) {
        #expect(response([offer]) == expected)
    }

    static let declined = [
        "server_no_context_takeover=1", "client_no_context_takeover=true", "server_max_window_bits",
        "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=010",
        "server_max_window_bits=8", "server_max_window_bits=x", "server_max_window_bits=-9",
        "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=09",
        "server_no_context_takeover; server_no_context_takeover", "client_max_window_bits; client_max_window_bits",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10", "Server_No_Context_Takeover", "unknown", "unknown=1",
    ]

    @Test("an offer that cannot be met is passed over, and the next one counts", arguments: declined)
    func passedOver(parameters: String) {
        let offer = "permessage-deflate; \(parameters)"
        #expect(answer([offer]) == .declined)
        #expect(response(["\(offer), permessage-deflate"]) == "permessage-deflate")
        #expect(response([offer, "permessage-deflate"]) == "permessage-deflate", "fields are one list")
    }

    @Test(
        "what is no list of extensions fails the handshake",
        arguments: [
            "permessage-deflate;", "; a", "permessage-deflate; =1", "permessage-deflate; a=", "a b", "a; b c",
            "a; b=\"c",
            "a; b=\"\"", "a; b=\"c d\"", "a; b=\"c\\", "permessage-deflate; a=b=c", "é", "a/b",
        ])
    func malformed(field: String) {
        #expect(answer([field]) == .malformed)
        #expect(answer(["permessage-deflate", field]) == .malformed, "even behind one that could be met")
    }

    @Test("a server that compresses with one window, each message by itself, says so and takes what allows it")
    func policy() {
        let policy = PerMessageDeflate.Policy(windowBits: 12...12, serverNoContextTakeover: true)
        #expect(
            response(["permessage-deflate; client_max_window_bits"], policy)
                == "permessage-deflate; server_no_context_takeover")
        for bits in 12...15 {
            #expect(
                response(["permessage-deflate; server_max_window_bits=\(bits)"], policy)
                    == "permessage-deflate; server_no_context_takeover; server_max_window_bits=12")
        }
        for bits in 8...11 {
            #expect(answer(["permessage-deflate; server_max_window_bits=\(bits)"], policy) == .declined)
        }
        guard case .accepted(let agreed, _) = answer(["permessage-deflate"], policy) else {
            Issue.record("the offer was not accepted")
            return
        }
        #expect(agreed.serverMaxWindowBits == 12 && agreed.serverNoContextTakeover && !agreed.clientNoContextTakeover)
        let strict = PerMessageDeflate.Policy(clientNoContextTakeover: true)
        #expect(response(["permessage-deflate"], strict) == "permessage-deflate; client_no_context_takeover")
    }

    @Test("a client takes what may answer its offer, and nothing else")
    func agreement() {
        func agreement(_ fields: String...) -> PerMessageDeflate? {
            PerMessageDeflate.agreement(fields.map { ArraySlice($0.utf8) })
        }
        #expect(agreement("permessage-deflate") == PerMessageDeflate())
        let full = agreement(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8")
        #expect(full?.serverNoContextTakeover == true && full?.clientNoContextTakeover == true)
        #expect(full?.serverMaxWindowBits == 8)
        for bad in [
            "", "mux", "permessage-deflate, permessage-deflate", "permessage-deflate; client_max_window_bits=15",
            "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7", "permessage-deflate; x", "permessage-deflate;",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ] { #expect(agreement(bad) == nil, "\(bad)") }
        #expect(agreement("permessage-deflate", "permessage-deflate") == nil)
    }
}
