import EventLoop
import HTTP1
import JSONWebToken

/// Whose request it is.
extension Connection {
    enum Identification {
        case identified(Identity)
        case refused(RequestRefusal)
    }

    private enum FoundToken {
        case token(ArraySlice<UInt8>)
        case refused(RequestRefusal)
    }

    /// The token of `Authorization: Bearer`, or else the cookie's. A browser sends the cookie by itself, to whatever
    /// page's request; who sets the header means that token, and is not let in by the other one when it is bad.
    private func findToken(_ head: RequestHead) -> FoundToken {
        switch head.bearerToken {
        case .token(let given): return .token(given)
        case .malformed: return .refused(.malformedAuthorization)
        case .absent:
            let console = head.isBelowMountPoint ? head.cookies(named: Array(Self.consoleCookie.utf8)) : nil
            guard let cookie = console ?? head.cookies(named: loop.context.cookieName) else {
                return .refused(.noToken)
            }
            return .token(cookie)
        }
    }

    /// Checks the token of somebody who wants a channel's events.
    func identify(_ head: RequestHead) -> Identification {
        let token: ArraySlice<UInt8>
        switch findToken(head) {
        case .token(let found): token = found
        case .refused(let refusal): return .refused(refusal)
        }
        return verify(token)
    }

    func verify(_ token: ArraySlice<UInt8>) -> Identification {
        let verification = token.withUnsafeBytes {
            loop.verifier.verify($0, nowMilliseconds: WallClock.nowMilliseconds())
        }
        switch verification {
        case .accepted(let identity): return .identified(identity)
        case .refused(let refusal): return .refused(.token(refusal))
        }
    }

    /// Checks the token of somebody who wants to publish. Returns the channels that it lists.
    func identifyPublisher(_ head: RequestHead) -> Result<[[UInt8]], RequestRefusal> {
        let token: ArraySlice<UInt8>
        switch findToken(head) {
        case .token(let found): token = found
        case .refused(let refusal): return .failure(refusal)
        }
        let verification = token.withUnsafeBytes {
            loop.verifier.verifyPublisher($0, nowMilliseconds: WallClock.nowMilliseconds())
        }
        switch verification {
        case .accepted(let channels): return .success(channels)
        case .noPermission: return .failure(.publish(.noPermission))
        case .refused(let refusal): return .failure(.token(refusal))
        }
    }
}
