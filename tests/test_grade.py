"""Grading a class, whatever happens meanwhile: kills, full disks, other workers, a cluster."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
from conftest import LESSON, ROOT, SEED, make_course
from handin import filled_in, hand_in, solutions
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook as NbgraderGradebook

from autograder.cluster import Cluster
from autograder.errors import GraderError
from autograder.grade import grade
from autograder.limits import Limits
from autograder.results import read_results
from autograder.sampleclass import make_sample_class
from autograder.sandbox import find_bubblewrap
from autograder.workers import Workers

PROGRAM = str(Path(sys.executable).parent / "autograder")


@pytest.fixture
def fresh(tmp_path, keys):
    """A course with lesson 2 and no students; its key is there already."""
    course = make_course(tmp_path, [LESSON])
    (course.state / "keys").symlink_to(keys)
    return course


def timeless(course):
    """All results of a course, as text, without what differs from run to run."""
    results = {}
    for result in read_results(course.graded / LESSON):
        result["started"], result["seconds"] = "", 0
        for check in result["checks"]:
            check["seconds"] = 0
        results[result["student"]] = json.dumps(result)
    return results


def scores(course):
    """What the gradebook holds: score and whether a person is awaited, by student."""
    with NbgraderGradebook(course.db_url) as book:
        return {s.student.id: (s.score, s.needs_manual_grade) for s in book.assignment_submissions(LESSON)}


def exported(course):
    """The lines of nbgrader's own export."""
    program = Path(sys.executable).parent / "nbgrader"
    path = course.root / "grades.csv"
    subprocess.run([program, "export", "--to", path], cwd=course.root, check=True, capture_output=True, timeout=120)
    return sorted(path.read_text().splitlines())


def test_results_keep_to_their_schema(results):
    schema = json.loads((ROOT / "autograder" / "result.schema.json").read_text())
    for result in results.values():
        jsonschema.validate(result, schema, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**results["amara"], "extra": 1}, schema)


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_workers_changes_nothing(fresh, graded, count):
    make_sample_class(fresh, LESSON)
    with Workers(count, Limits(), SEED, hide=(fresh.root,)) as workers:
        grade(fresh, LESSON, workers=workers)
    assert timeless(fresh) == timeless(graded)


def test_what_has_a_result_is_not_run_again(fresh, pool, graded):
    make_sample_class(fresh, LESSON)
    ran = []

    class Counting:
        limits, seed = pool.limits, pool.seed

        def run(self, notebooks):
            for name, outcomes in pool.run(notebooks):
                ran.append(name)
                yield name, outcomes

    grade(fresh, LESSON, ["amara", "fatima"], workers=Counting())
    assert sorted(ran) == ["amara", "fatima"]
    grade(fresh, LESSON, workers=Counting())
    assert len(ran) == len(set(ran)), "nobody was run twice"
    ran.clear()
    hand_in(fresh, "fatima", filled_in(solutions()))
    (fresh.autograded / "kofi" / LESSON / f"{LESSON}.ipynb").unlink()
    grade(fresh, LESSON, workers=Counting())
    assert sorted(ran) == ["fatima", "kofi"], "only what changed, and what Formgrader would miss"
    ran.clear()
    grade(fresh, LESSON, ["amara"], force=True, workers=Counting())
    assert ran == ["amara"]


def test_what_was_graded_is_kept_when_the_file_has_gone(fresh, pool):
    path = hand_in(fresh, "amara", filled_in(solutions()))
    hand_in(fresh, "kofi", filled_in({}))
    grade(fresh, LESSON, workers=pool)
    path.unlink()
    for force in (False, True):
        by_student = {result["student"]: result for result in grade(fresh, LESSON, workers=pool, force=force)}
        assert (by_student["amara"]["status"], by_student["amara"]["score"]) == ("graded", 15)


def test_links_lead_nowhere(fresh, pool):
    hand_in(fresh, "honest", filled_in(solutions()))
    for student, target in {
        "borrower": fresh.submitted / "honest" / LESSON / f"{LESSON}.ipynb",
        "reader": Path("/etc/passwd"),
        "author": fresh.lesson_file(LESSON),
    }.items():
        place = fresh.submitted / student / LESSON
        place.mkdir(parents=True)
        (place / f"{LESSON}.ipynb").symlink_to(target)
    (fresh.submitted / "whole").mkdir()
    (fresh.submitted / "whole" / LESSON).symlink_to(fresh.submitted / "honest" / LESSON)
    (fresh.submitted / "twin").symlink_to(fresh.submitted / "honest")
    by_student = {result["student"]: result for result in grade(fresh, LESSON, workers=pool)}
    assert {name: result["status"] for name, result in by_student.items()} == {
        "honest": "graded",
        "borrower": "missing",
        "reader": "missing",
        "author": "missing",
        "whole": "missing",
    }


NAMES = [
    "<b onmouseover=alert(1)>",
    "a'; drop table student; --",
    "[red]ä b",
    "..hidden?",
    "x" * 200,
    "new\nline",
    "\x1b[31m",
]


def test_odd_names_are_only_names(fresh, pool, command):
    for number, name in enumerate(NAMES):
        file = None if number % 2 else "<img src=x onerror=alert(1)>.ipynb"
        hand_in(fresh, name, filled_in(solutions()), name=file)
    by_student = {result["student"]: result for result in grade(fresh, LESSON, workers=pool)}
    shown = [name for name in NAMES if not name.startswith(".")]
    assert sorted(by_student) == sorted(shown)
    assert {result["score"] for result in by_student.values()} == {15}
    assert set(scores(fresh)) == set(shown)
    pages = [*fresh.feedback.rglob("*.html"), *fresh.report.rglob("*.html")]
    assert len(pages) == len(shown) + 1
    for page in pages:
        assert "<b on" not in page.read_text() and "<img src=x" not in page.read_text()
    done = command("grade", LESSON, cwd=fresh.root)
    assert done.returncode == 0, done.stderr
    assert "\x1b[31m" not in done.stdout and "[red]" in done.stdout


def big_class(course, size):
    """*size* students, who hand in what the sample class does, over and over."""
    make_sample_class(course, LESSON)
    sample = sorted(path for path in course.submitted.iterdir())
    for number in range(size - len(sample)):
        source = sample[number % len(sample)] / LESSON
        target = course.submitted / f"{source.parent.name}-{number}" / LESSON
        target.mkdir(parents=True)
        for file in source.iterdir():
            (target / file.name).write_bytes(file.read_bytes())


def test_killed_at_twenty_random_moments_it_ends_the_same(tmp_path, keys):
    undisturbed, killed = (make_course(tmp_path / name, [LESSON]) for name in ("undisturbed", "killed"))
    for course in (undisturbed, killed):
        (course.state / "keys").symlink_to(keys)
        big_class(course, 60)
    subprocess.run([PROGRAM, "grade", LESSON], cwd=undisturbed.root, check=True, capture_output=True, timeout=300)
    seed = random.randrange(10**6)
    print(f"moments drawn with seed {seed}")
    moments = random.Random(seed)
    for _ in range(20):
        run = subprocess.Popen(
            [PROGRAM, "grade", LESSON], cwd=killed.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            run.communicate(timeout=moments.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.communicate()
    subprocess.run([PROGRAM, "grade", LESSON], cwd=killed.root, check=True, capture_output=True, timeout=300)
    assert timeless(killed) == timeless(undisturbed)
    assert scores(killed) == scores(undisturbed)
    assert exported(killed) == exported(undisturbed)
    assert not list(killed.graded.rglob(".*")), "no half-written file is left"


def until(run: subprocess.Popen[str], condition) -> None:
    """Wait for *condition* while *run* works; its end without it is a failure."""
    while not condition():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"ended with {run.wait(timeout=0.02)}: {run.communicate()}")


def test_interrupted_it_says_so_and_goes_on_later(fresh):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a program that was started with it ignored ignores it
    big_class(fresh, 40)
    run = subprocess.Popen(
        [PROGRAM, "grade", LESSON], cwd=fresh.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lock, folder = fresh.state / "lock", fresh.graded / LESSON
    until(run, lambda: lock.exists() and lock.read_text() == str(run.pid))
    run.send_signal(signal.SIGSTOP)  # so that it is still going, however long the second takes
    second = subprocess.run([PROGRAM, "grade", LESSON], cwd=fresh.root, capture_output=True, text=True, timeout=60)
    run.send_signal(signal.SIGCONT)
    assert second.returncode == 1 and f"Another command (process {run.pid})" in second.stderr
    until(run, lambda: len(list(folder.glob("*.json"))) >= 5)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert said.strip().splitlines()[-1].startswith("Interrupted. What was finished is kept")
    assert "Traceback" not in said
    finished = len(list(folder.glob("*.json")))
    assert 5 <= finished < 40
    third = subprocess.run([PROGRAM, "grade", LESSON], cwd=fresh.root, capture_output=True, text=True, timeout=120)
    assert third.returncode == 0, third.stderr
    assert len(list(folder.glob("*.json"))) == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay one file system over another")
@pytest.mark.parametrize(
    ("mount", "words"),
    [
        (["--ro-bind", "{graded}", "{graded}"], "Read-only file system"),
        (["--size", "20000", "--tmpfs", "{graded}"], "No space left on device"),
        (["--size", "20000", "--tmpfs", "{autograded}"], "No space left on device"),
        (
            ["--ro-bind", "{database}", "{database}"],
            "gradebook .* cannot be used: attempt to write a readonly database",
        ),
    ],
    ids=["read-only", "full", "full for Formgrader", "read-only gradebook"],
)
def test_a_disk_that_takes_nothing_ends_in_a_sentence(fresh, pool, mount, words):
    make_sample_class(fresh, LESSON)
    for folder in sorted(fresh.submitted.iterdir())[8:]:
        shutil.rmtree(folder)
    grade(fresh, LESSON, ["amara"], workers=pool)
    before = timeless(fresh)
    places = {"graded": fresh.graded, "autograded": fresh.autograded, "database": fresh.root / "gradebook.db"}
    view = [find_bubblewrap(), "--dev-bind", "/", "/", *(word.format(**places) for word in mount), "--"]
    done = subprocess.run(
        [*view, PROGRAM, "grade", LESSON], cwd=fresh.root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert re.fullmatch(f".*{words}.*\n", done.stderr), done.stderr
    assert timeless(fresh)["amara"] == before["amara"]
    grade(fresh, LESSON, workers=pool)
    assert len(timeless(fresh)) == 8


@contextmanager
def dask_cluster(workers):
    """A scheduler and workers as a person starts them; yields the address and the workers' processes."""
    bin_ = Path(sys.executable).parent
    scheduler = subprocess.Popen(
        [bin_ / "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert scheduler.stderr
    address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
    started = [
        subprocess.Popen(
            [bin_ / "dask", "worker", address, "--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--no-nanny"],
            stderr=subprocess.DEVNULL,
        )
        for _ in range(workers)
    ]
    try:
        yield address, started
    finally:
        for process in [*started, scheduler]:
            process.kill()
            process.wait()
        scheduler.stderr.close()


def test_a_cluster_gives_the_same_and_survives_the_loss_of_a_worker(fresh, graded):
    make_sample_class(fresh, LESSON)
    with dask_cluster(2) as (address, workers):
        killed = []

        def kill_one(what, done, total):
            if what == "Submissions" and done >= 4 and not killed:
                workers[0].kill()
                killed.append(done)

        with Cluster(address, Limits(), fresh.seed()) as cluster:
            grade(fresh, LESSON, workers=cluster, progress=kill_one)
    assert killed
    assert timeless(fresh) == timeless(graded)


def test_of_workers_that_were_left_nothing_goes_on():
    before = threading.active_count()
    with Workers(2, Limits(), SEED) as workers:
        [(_, outcomes)] = workers.run([("amara", new_notebook(cells=[new_code_cell("1 + 1", id="a")]))])
        assert outcomes["cells"]["a"]["status"] == "ok"
        processes = [*workers.pool._processes.values()]
    assert threading.active_count() == before
    assert not any(process.is_alive() for process in processes)


def test_no_cluster_is_said_in_a_sentence():
    with (
        pytest.raises(GraderError, match=r"no Dask scheduler with workers at tcp://127\.0\.0\.1:1"),
        Cluster("tcp://127.0.0.1:1", Limits(), 0),
    ):
        pass


def test_a_worker_that_dies_costs_nothing(fresh, graded):
    make_sample_class(fresh, LESSON)
    with Workers(2, Limits(), SEED, hide=(fresh.root,)) as workers:
        killed = []

        def kill(what, done, total):
            if what == "Submissions" and done in (3, 9) and done not in killed:
                killed.append(done)
                victim = next(iter(workers.pool._processes)) if done == 3 else workers.sandbox.pid
                os.kill(victim, signal.SIGKILL)

        grade(fresh, LESSON, workers=workers, progress=kill)
    assert killed == [3, 9]
    assert timeless(fresh) == timeless(graded)
