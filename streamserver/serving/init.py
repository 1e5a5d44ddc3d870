"""What the kernel expects: standard streams, and of the first process of a container more.

That process has id 1. The kernel makes it the parent of every process whose parent has ended, and
drops signals for which it has no handler. The server therefore runs in a child. The first process
passes signals to it, waits for each process that ends, which would stay a zombie otherwise, and
ends with the exit status of the server, or 128 plus the number of the signal that killed it.
"""

import os
import signal

PASSED = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
OF_A_PROCESS = ("LISTEN_PID", "WATCHDOG_PID")
"""Variables by which a manager names the process that it has started."""


def open_standard_streams() -> None:
    """Open the null device at each of the descriptors 0 to 2 that is closed.

    A socket would get the number otherwise, and what is written to a standard stream. uvloop ends
    the process when it closes one of them.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def leave_first_process() -> None:
    """In process 1, return only in a child, which has another id; elsewhere do nothing.

    It must be called before there are threads.
    """
    if os.getpid() != 1:
        return
    signals = PASSED | {signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child:
        while (status := _reap(child)) is None:
            received = signal.sigwaitinfo(signals)
            # The kernel sends a terminal's signals (si_code > 0) to the child too.
            if received.si_signo in PASSED and received.si_code <= 0:
                os.kill(child, received.si_signo)
        os._exit(status if status >= 0 else 128 - status)
    for variable in OF_A_PROCESS:
        if os.environ.get(variable) == "1":
            os.environ[variable] = str(os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _reap(child: int) -> int | None:
    """Reap all processes that have ended; the exit code of `child` if it is among them."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(status)
        if not pid:
            return None
