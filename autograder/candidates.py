"""Chooses the file to grade among all that a student handed in, and the release that it comes from."""

import re
from dataclasses import dataclass, replace

from autograder.graft import Grafted, graft
from autograder.lesson import Master
from autograder.repairs import repair
from autograder.submissions import File

_STAMP = re.compile(rb'"version":\s*"([0-9a-f]{12})"')


@dataclass(frozen=True)
class Chosen:
    """The file to grade, what was lifted out of it, and the release into which."""

    file: File
    grafted: Grafted
    master: Master


def stamps(files: list[File]) -> set[str]:
    """The versions of releases that *files* say they come from."""
    return {found[1].decode() for file in files for found in _STAMP.finditer(file.data)}


def choose(files: list[File], current: Master, older: dict[str, Master]) -> Chosen | None:
    """The file with the most answers, then a notebook before a Python file, then the newest; None for no files."""
    every = [_grafted(file, current, older) for file in files]
    if not every:
        return None
    best = max(every, key=lambda one: (one.grafted.answered, one.grafted.notebook is not None, *_merit(one.file)))
    said = []
    if len(every) > 1:
        said.append(repair("chosen", what=len(every), name=best.file.name))
    elif best.grafted.notebook is not None and not _is_named(best.file, current):
        said.append(repair("renamed", name=best.file.name))
    return replace(best, grafted=replace(best.grafted, repairs=[*said, *best.grafted.repairs])) if said else best


def _grafted(file: File, current: Master, older: dict[str, Master]) -> Chosen:
    said = stamps([file])
    version = next((version for version in older if version in said), None)
    master = older[version] if version else current
    grafted = graft(file.data, master)
    if version:
        grafted = replace(grafted, repairs=[repair("older_version", what=version), *grafted.repairs])
    elif grafted.version not in (None, current.version) and grafted.notebook is not None:
        grafted = replace(grafted, repairs=[repair("other_version", what=grafted.version), *grafted.repairs])
    return Chosen(file, grafted, master)


def _merit(file: File) -> tuple[bool, float, str]:
    return not file.name.endswith(".py"), file.modified, file.name


def _is_named(file: File, master: Master) -> bool:
    """Whether the file has the name it was given."""
    return file.name.rpartition("/")[2] == f"{master.assignment}.ipynb"
