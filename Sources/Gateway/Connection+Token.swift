import EventLoop
import HTTP1
import JSONWebToken

/// Whose request it is.
extension Connection {
    enum Identification {
        case identified(Identity)
        case refused(RequestRefusal)
    }

    /// Checks the token of `Authorization: Bearer`, or else the cookie's. A browser sends the cookie by itself, to whatever
    /// page's request; who sets the header means that token, and is not let in by the other one when it is bad.
    func identify(_ head: RequestHead) -> Identification {
        let token: ArraySlice<UInt8>
        switch head.bearerToken {
        case .token(let given): token = given
        case .malformed: return .refused(.malformedAuthorization)
        case .absent:
            let console = head.isBelowMountPoint ? head.cookies(named: Array(Self.consoleCookie.utf8)) : nil
            guard let cookie = console ?? head.cookies(named: loop.context.cookieName) else {
                return .refused(.noToken)
            }
            token = cookie
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
}
