"""`python -m streamserver`."""

import signal
import sys

# Their default action ends a process without a word. They wait until a command that serves handles
# them, or until the others are about to run; to import all commands takes long enough for one.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2))

from streamserver.cli import main  # noqa: E402 - the signals come first

if __name__ == "__main__":
    sys.exit(main())
