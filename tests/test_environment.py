"""What the repository promises to those who install it: one list of packages, commands that exist, nothing that
belongs elsewhere."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRA = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]


def test_conda_users_get_the_same_packages():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    named = [Requirement(entry) for entry in entries if isinstance(entry, str)]
    conda = {"torch" if package.name == "pytorch" else package.name: str(package.specifier) for package in named}
    assert {"pip": ["-e ."]} in entries, "brings the command, and what conda-forge has for some systems only"
    assert conda.pop("pip") == "" and conda.pop("python") == PROJECT["requires-python"]
    assert conda == {package.name: str(package.specifier) for package in DIRECT if package.marker is None}


def test_constraints_pin_every_direct_dependency():
    lines = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = {canonicalize_name(pin.name): pin for pin in lines}
    assert len(pins) == len(lines), "each package once"
    for package in [*DIRECT, *EXTRA]:
        (pin,) = pins[canonicalize_name(package.name)].specifier
        assert pin.operator == "==" and package.specifier.contains(pin.version), package


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_alone_lists_every_target():
    # Called by another make, it would also name the folders that it enters and leaves.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True)
    public = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert {"help", "demo", "test"} <= set(public)
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.+)$", done.stdout, re.MULTILINE))
    assert sorted(listed) == sorted(public)
    assert len(done.stdout.splitlines()) == len(public), "and nothing else"


@pytest.fixture(scope="module")
def tracked():
    """All files in git."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_data_set_is_in_git(tracked):
    data = re.compile(r"\.(npz?|pt|pth|ckpt|safetensors|pkl|h5|parquet|csv|zip|gz|tgz|tar|bz2|xz|db|sqlite)$|ubyte$")
    assert [path.name for path in tracked if data.search(path.name)] == []
    assert [path.name for path in tracked if path.stat().st_size > 3_000_000] == []


def test_no_path_of_one_machine_is_in_git(tracked):
    place = re.compile(rb"(?<![\w.~:/-])/(work|root|mnt|Users)/\w[^\s'\"]*")
    found = {str(path.relative_to(ROOT)): place.search(path.read_bytes()) for path in tracked}
    assert {name: match[0] for name, match in found.items() if match} == {}
