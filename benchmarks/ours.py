"""One run of this grader over a class, in a process of its own: prints what it took as one line of JSON."""

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any


def main(root: Path, count: int) -> dict[str, Any]:
    """Grade the class in *root* with *count* workers that have started already.

    Imports stand in here because workers import this file too.
    """
    from autograder.course import Course
    from autograder.grade import grade
    from autograder.key import master_of
    from autograder.workers import start_workers
    from benchmarks.memory import high_water
    from benchmarks.students import LESSON, lesson

    course = Course.find(root)
    with start_workers(course, count) as workers:
        master = master_of(lesson(), course)
        for _ in workers.run(zip(range(4 * count), itertools.repeat(master.notebook))):
            pass  # now every worker has imported what it needs
        before, times = high_water(), []
        started = time.perf_counter()
        results = grade(
            course,
            LESSON,
            workers=workers,
            progress=lambda what, done, total: times.append((done, time.perf_counter() - started)),
        )
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "times": times,
        "memory_before": before,
        "memory": high_water(),
        "points": {r["student"]: {check["id"]: check["points"] for check in r["checks"]} for r in results},
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
