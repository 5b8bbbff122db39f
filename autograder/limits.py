"""What one submission may use."""

from dataclasses import dataclass


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
