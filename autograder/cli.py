"""The command ``autograder``: turns words into calls, and what goes wrong into one sentence."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from autograder.errors import GraderError

app = typer.Typer(
    help="Grade notebooks: release them to students, grade what comes back, show what it means.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Assignment = Annotated[str, typer.Argument(help="The assignment: the name of its folder in solutions/.")]
Jobs = Annotated[
    int | None, typer.Option("--workers", "-j", min=1, help="How many submissions to run at once; default: the cores.")
]


@app.command()
def release(
    assignments: Annotated[list[str] | None, typer.Argument(help="Assignments; all of them if none is named.")] = None,
) -> None:
    """Make the student notebooks in notebooks/ from solutions/."""
    from autograder import grade as grading
    from autograder import release as releasing
    from autograder.course import Course
    from autograder.terminal import console

    course = Course.find()
    for assignment in assignments or course.assignments():
        path = releasing.release(course, assignment)
        grading.announce(course, assignment)
        console.print(f"{path.relative_to(course.root)}", highlight=False, soft_wrap=True)


@app.command()
def collect(
    assignment: Assignment,
    archive: Annotated[Path, typer.Argument(help="A zip file, or a folder, as a learning platform gives it.")],
    pattern: Annotated[
        str | None, typer.Option(help="How file names tell the student: a regular expression with (?P<student>...).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be taken, and write nothing.")] = False,
) -> None:
    """Sort a download from Canvas, Moodle or ILIAS into submitted/."""
    from autograder import collect as collecting
    from autograder.course import Course
    from autograder.terminal import console, print_taken

    course = Course.find()
    taken = collecting.collect(course, assignment, archive, pattern, dry_run)
    print_taken(taken)
    students = len({one.student for one in taken if one.student})
    words = "would be put" if dry_run else "are"
    console.print(f"{students} students {words} in {course.submitted}", highlight=False, soft_wrap=True)


@app.command()
def doctor(
    files: Annotated[list[Path], typer.Argument(help="Notebooks, archives or folders.")],
    assignment: Annotated[str | None, typer.Option(help="The assignment; default: the one it fits best.")] = None,
) -> None:
    """Say what would happen to a file if it were handed in, without running or grading it."""
    from autograder.course import Course
    from autograder.doctor import diagnose
    from autograder.terminal import print_diagnosis

    course = Course.find()
    for file in files:
        print_diagnosis(diagnose(course, file, assignment))


@app.command()
def sample_class(assignment: Assignment) -> None:
    """Fill submitted/ with invented students, to try everything without real ones."""
    from autograder.course import Course
    from autograder.sampleclass import make_sample_class
    from autograder.terminal import console

    course = Course.find()
    students = make_sample_class(course, assignment)
    console.print(f"{len(students)} invented students in {course.submitted}", highlight=False, soft_wrap=True)


@app.command()
def grade(
    assignment: Assignment,
    students: Annotated[list[str] | None, typer.Argument(help="Students; everybody if none is named.")] = None,
    workers: Jobs = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what has a result.")] = False,
    scheduler: Annotated[str, typer.Option(help="Run on the workers of a Dask scheduler, tcp://HOST:PORT.")] = "",
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Run student code without a sandbox, with your rights.")
    ] = False,
) -> None:
    """Grade what is in submitted/. What has a result already is not run again; what was interrupted goes on."""
    from autograder.course import Course
    from autograder.workers import start_workers

    course = Course.find()
    with start_workers(course, workers, scheduler, unsafe) as runners:
        from autograder import grade as grading  # takes as long as the sandbox takes to start
        from autograder.terminal import print_results, progress_bars

        with progress_bars() as progress:
            results = grading.grade(course, assignment, students, workers=runners, force=force, progress=progress)
    places = {
        "results": course.graded / assignment,
        "nbgrader's gradebook": course.root / "gradebook.db",
        "for each student": course.feedback,
        "for the teacher": course.report / f"{assignment}.html",
    }
    print_results(results, places)


@app.command()
def feedback(assignment: Assignment) -> None:
    """Write the students' pages again, with what a person has marked since."""
    from autograder import grade as grading
    from autograder.course import Course
    from autograder.terminal import console

    course = Course.find()
    count = grading.rewrite_feedback(course, assignment)
    console.print(f"{count} pages in {course.feedback}", highlight=False, soft_wrap=True)


@app.command()
def audit(assignment: Assignment, workers: Jobs = None) -> None:
    """Show what each hidden check catches; fail where a misconception gets through or a right answer loses points."""
    from autograder.course import Course
    from autograder.workers import start_workers

    course = Course.find()
    with start_workers(course, workers) as runners:
        from autograder import audit as auditing  # takes as long as the sandbox takes to start
        from autograder import grade as grading
        from autograder.terminal import print_audit, progress_bars

        with progress_bars() as progress:
            key = grading.answer_key(course, assignment, workers=runners, progress=progress)
    outcome = auditing.audit(key)
    print_audit(outcome)
    if outcome.faults:
        raise GraderError(" ".join(outcome.faults))


_INTERRUPTED = 130
"""The status with which Typer ends a command at Ctrl-C, as shells do."""


def main() -> None:
    """Run the command. A GraderError ends it with its sentence and status 1, Ctrl-C with one and status 130."""
    logging.disable()  # the libraries log what they then raise, and it is told in a sentence below
    try:
        app()
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            print("Interrupted. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        raise
    except GraderError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"{error.strerror or error}{where}; put that right and run the same command again.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
