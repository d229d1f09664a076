#ifndef SLUICE_CPROCESS_SHIM_H
#define SLUICE_CPROCESS_SHIM_H

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

// glibc declares it behind _GNU_SOURCE only, and Swift takes it for shared mutable state.
extern char **environ;
static inline char **sluice_environment(void) { return environ; }

// glibc's mallopt(3) and its parameters, by hand: <malloc.h> includes <stdio.h>, which Swift has from elsewhere.
int mallopt(int parameter, int value);
enum { SLUICE_M_TRIM_THRESHOLD = -1, SLUICE_M_MMAP_THRESHOLD = -3 };

// Starts a program with nothing on its standard streams; -1 and errno when that fails. In C, since between fork and
// exec only async-signal-safe functions may be called, and posix_spawn knows no PR_SET_PDEATHSIG.
//
// The kernel kills the program when the thread that called this ends, however it ends. It has a process group of its
// own, so that a Ctrl-C on the terminal reaches its parent alone, who then ends it in good order.
static inline pid_t sluice_spawn_tied(const char *path, char *const arguments[]) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child;

    // The parent may have ended before the tie was there.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(127);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    int null = open("/dev/null", O_RDWR);
    if (null < 0) _exit(127);
    for (int descriptor = 0; descriptor <= 2; descriptor++) dup2(null, descriptor);
    if (null > 2) close(null);
    execv(path, arguments);
    _exit(127);
}

#endif
