"""The bare cost of a class: the cells that grading runs, executed one after the other in one warm process."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main(root: Path) -> dict[str, Any]:
    """Execute the cells of every submission in *root*, each submission in a namespace of its own, and judge nothing."""
    import torch

    from autograder.course import Course
    from autograder.graft import graft
    from autograder.key import master_of
    from benchmarks.memory import high_water
    from benchmarks.students import LESSON, lesson

    torch.set_num_threads(1)  # as kernels in the sandbox have
    course = Course.find(root)
    master = master_of(lesson(), course)
    files = sorted(course.submitted.glob(f"*/{LESSON}/{LESSON}.ipynb"))
    notebooks = [graft(path.read_bytes(), master).notebook for path in files]
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        _execute(master.notebook)
        started = time.perf_counter()
        for notebook in notebooks:
            _execute(notebook)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "memory": high_water()}


def _execute(notebook: Any) -> None:
    from autograder.inside import check
    from autograder.lesson import grade_id, is_check, is_run
    from autograder.run import seed_of
    from benchmarks.students import SEED

    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in filter(is_run, notebook["cells"]):
        if is_check(cell):
            check._begin(seed_of(SEED, str(grade_id(cell))))
        with contextlib.suppress(Exception):  # wrong answers raise, as they do when graded
            exec(compile(cell["source"], cell["id"], "exec"), dict(names) if is_check(cell) else names)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
