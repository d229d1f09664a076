import Foundation
import Glibc

extension Process {
    /// Waits until the process has ended.
    ///
    /// In place of `waitUntilExit()`, which once waited for ever, at full speed: the child was a zombie, and Foundation's thread
    /// for sockets slept on, by which it learns of a child's end. Left unreaped, so that Foundation can still do that.
    func waitForEnd() {
        var information = siginfo_t()
        // Refused where Foundation has reaped it already.
        while waitid(P_PID, id_t(processIdentifier), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    }
}
