"""What one submission may use."""

from dataclasses import dataclass, fields

from traitlets.config import Config

from autograder.errors import GraderError


@dataclass(frozen=True)
class Limits:
    """Seconds are wall time, processes a number, the rest is in bytes."""

    check_seconds: float = 10.0
    notebook_seconds: float = 120.0
    memory: int = 2 << 30
    processes: int = 64
    files: int = 50 << 20
    cell_output: int = 64 << 10
    notebook_output: int = 1 << 20
    observations: int = 1 << 20
    """What one check may observe."""
    unsafe: bool = False
    """Whether kernels are ordinary ones, without a sandbox; then only time and output are limited."""


def read_limits(config: Config, unsafe: bool = False) -> Limits:
    """The limits that nbgrader_config.py sets as ``c.Autograder.<limit>``; those it does not set have their defaults.

    Raises GraderError for a limit that does not exist or is no number above 0.
    """
    known = {field.name for field in fields(Limits)} - {"unsafe"}
    chosen = dict(config.Autograder)
    for name, value in chosen.items():
        if name not in known:
            raise GraderError(f"nbgrader_config.py sets c.Autograder.{name}; there is: {', '.join(sorted(known))}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise GraderError(f"c.Autograder.{name} in nbgrader_config.py is {value!r}; it must be a number above 0.")
    return Limits(**chosen, unsafe=unsafe)
