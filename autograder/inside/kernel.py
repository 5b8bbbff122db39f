"""IPython's own kernel, in a process that has imported everything already."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.inside.standins import nobody_types

_REHEARSAL = """
import torch
from IPython.display import publish_display_data
publish_display_data({"text/plain": "shown"})
x = torch.ones(2, requires_grad=True)
(x * x).sum().backward()
1 / 0
"""


def start_kernel(connection_file: str, connection: dict[str, Any], ready: Callable[[], Any]) -> None:
    """Run a kernel until it is shut down; *ready* is called when its sockets are bound."""
    app = _kernel_app(connection_file, connection)
    app.shell.push({"input": nobody_types}, interactive=False)
    ready()
    app.start()


def rehearse(folder: str) -> None:
    """Start a kernel without a client and run a cell that shows, computes and fails, so that all of it is imported."""
    connection = {"transport": "ipc", "ip": f"{folder}/rehearsal", "key": "", "signature_scheme": "hmac-sha256"}
    _kernel_app(f"{folder}/rehearsal.json", connection).shell.run_cell(_REHEARSAL)


def _kernel_app(connection_file: str, connection: dict[str, Any]) -> Any:
    from ipykernel.kernelapp import IPKernelApp

    Path(connection_file).write_text(json.dumps(connection))
    sys.argv = [connection_file]
    app = IPKernelApp.instance(connection_file=connection_file)
    app.initialize(["--HistoryManager.enabled=False"])
    return app
