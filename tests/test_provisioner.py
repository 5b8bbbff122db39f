"""Kernels in the sandbox for any Jupyter client: a kernel spec on disk names the provisioner, nothing else is ours."""

import asyncio
import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from test_sandbox import SHARED_MEMORY

from autograder.provisioner import SandboxProvisioner

SPEC = {
    "argv": [],
    "display_name": "Python in the sandbox",
    "language": "python",
    "metadata": {"kernel_provisioner": {"provisioner_name": "autograder-sandbox", "config": {"memory": 600 << 20}}},
}
SECONDS = 30


@pytest.fixture
def manager(tmp_path):
    """A plain manager whose kernel spec stands in a folder, as ``jupyter kernelspec install`` leaves it."""
    folder = tmp_path / "kernels" / "sandboxed"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(SPEC))
    specs = KernelSpecManager(kernel_dirs=[str(folder.parent)])
    manager = KernelManager(kernel_name="sandboxed", kernel_spec_manager=specs)
    manager.start_kernel()
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


@pytest.fixture
def client(manager):
    """A plain client of the kernel."""
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield client
    finally:
        client.stop_channels()


def printed(client, source):
    """What *source* prints."""
    texts = []
    client.execute_interactive(
        source, timeout=SECONDS, output_hook=lambda message: texts.append(message["content"].get("text", ""))
    )
    return "".join(texts)


def test_it_is_registered_with_jupyter():
    (entry,) = entry_points(group="jupyter_client.kernel_provisioners", name="autograder-sandbox")
    assert entry.load() is SandboxProvisioner


def test_start_execute_interrupt_restart_shut_down(manager, client):
    assert printed(client, "import os; kept = 1; print(os.getcwd())") == "/home/student\n"

    request = client.execute("print('going')\nwhile True: pass")
    while client.get_iopub_msg(timeout=SECONDS)["content"].get("text") != "going\n":
        pass
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=SECONDS)
    assert reply["parent_header"]["msg_id"] == request and reply["content"]["ename"] == "KeyboardInterrupt"
    assert printed(client, "print(kept)") == "1\n", "the kernel goes on"

    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=SECONDS)
    assert printed(client, "print('kept' in globals())") == "False\n"

    places = Path(manager.get_connection_info()["ip"]).parent
    assert manager.is_alive() and places.is_dir()
    manager.shutdown_kernel()
    assert not manager.is_alive() and not places.exists(), "nothing is left"


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [("import os; os._exit(3)", 3, None), (SHARED_MEMORY, -9, "memory")],
    ids=["by itself", "at its limit"],
)
def test_a_kernel_that_ends_says_how(manager, client, source, status, reason):
    client.execute(source)
    provisioner = manager.provisioner
    assert asyncio.run(asyncio.wait_for(provisioner.wait(), SECONDS)) == status
    assert provisioner.reason == reason
    assert not manager.is_alive()
