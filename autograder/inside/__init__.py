"""All of the project that exists where student code runs: hidden checks look at answers with these.

Nothing here knows what an answer should be, and nothing here imports the rest of the project.
"""

from autograder.inside.check import observe, run_checks, sample, torch_calls, warm_up
from autograder.inside.encode import MIME_TYPE

__all__ = ["MIME_TYPE", "observe", "run_checks", "sample", "torch_calls", "warm_up"]
