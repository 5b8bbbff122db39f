"""The fork server: imports once what notebooks need, then only forks. It never runs a line of student code.

Run as ``python -m autograder.inside.zygote FD END`` in the sandbox, where FD is a listening Unix socket; it ends when
somebody closes the other end of the socket END. Each connection is one kernel; see ``jail`` for what is said on it.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback

from autograder.inside import standins
from autograder.inside.check import warm_up
from autograder.inside.jail import serve_kernel
from autograder.inside.kernel import rehearse


def main() -> None:
    """Import everything, then fork once for every connection, until the driver is gone."""
    listener, lifeline = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    warm_up()
    _import_what_kernels_use()
    standins.install()
    gc.freeze()  # what is there now stays; children need not look through it, and so share it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), lifeline], [], [])
        if lifeline in ready:  # nobody wants kernels any more
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(lifeline)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                serve_kernel(connection)
            except BaseException:
                traceback.print_exc()  # into the sandbox's log
            os._exit(1)
        connection.close()


def _import_what_kernels_use() -> None:
    """Let a child be a kernel for a moment, and import here what it had to import there."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        rehearse("/tmp")
        with os.fdopen(writing, "w") as file:
            json.dump(list(sys.modules), file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        for name in json.load(file):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    os.wait()


if __name__ == "__main__":
    main()
