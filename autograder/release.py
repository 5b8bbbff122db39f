"""Makes what a student opens from what an author writes: nbgrader's own steps, and the setup cell put in."""

import hashlib
import re
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import NbGraderPreprocessor, SaveCells
from traitlets.config import Config

from autograder.course import Course
from autograder.errors import GraderError
from autograder.lesson import SETUP_TAG, Lesson, Notebook, grade_id, is_answer, read_lesson, tags
from autograder.releases import keep

_IMPORTED = re.compile(r"from autograder\.(lab|workbench) import \*")
SETUP_TITLE = "# @title Setup: run this cell first"


def embed_setup(notebook: Notebook) -> None:
    """Replace ``from autograder.lab import *`` in cells tagged ``setup`` by the module's source, folded, in place.

    An author imports the module; a student's notebook has to work where nothing can be installed.
    """
    for cell in notebook["cells"]:
        if SETUP_TAG in tags(cell) and (found := _IMPORTED.match(cell["source"])):
            source = resources.files("autograder").joinpath(f"{found[1]}.py").read_text(encoding="utf-8")
            cell["source"] = f"{SETUP_TITLE}\n{source.rstrip()}"
            cell["metadata"]["cellView"] = "form"
            cell["metadata"]["jupyter"] = {"source_hidden": True}


def mark_answers(notebook: Notebook) -> None:
    """Put a line with its grade_id into every answer cell, in place: it survives where an editor loses metadata."""
    for cell in filter(is_answer, notebook["cells"]):
        line = f"Answer cell: {grade_id(cell)}"
        marker = f"# {line}" if cell["cell_type"] == "code" else f"<!-- {line} -->"
        cell["source"] = f"{marker}\n{cell['source']}"


def student_form(lesson: Lesson, config: Config) -> Notebook:
    """The notebook that ``release`` writes for *lesson*, made in memory and without a database."""
    notebook: Notebook = nbformat.from_dict(lesson.notebook)
    names = {"assignment": lesson.assignment, "notebook": lesson.assignment, "student": "."}
    for step in GenerateAssignment(config=config).preprocessors:
        if step is not SaveCells:
            notebook, _ = step(config=config)(notebook, {"nbgrader": names})
    return notebook


def release(course: Course, assignment: str) -> Path:
    """Write the student notebook of *assignment*, with whatever lies beside it, and return its path.

    Raises GraderError where the author's notebook is not sound; what was released before is then left as it was.
    """
    from nbgrader.apps.api import NbGraderAPI

    read_lesson(course.lesson_file(assignment))
    course.state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=course.state) as folder:
        config = Config(course.config)
        config.CourseDirectory.release_directory = str(Path(folder).relative_to(course.root))
        config.SaveCells.enabled = False
        config.GenerateAssignment.no_database = True
        outcome = NbGraderAPI(config=config).generate_assignment(assignment)
        made = Path(folder) / assignment
        if not outcome["success"] or not (made / f"{assignment}.ipynb").is_file():
            reason = (outcome.get("log") or outcome.get("error") or "no reason given").strip().splitlines()[-1]
            raise GraderError(f"nbgrader could not make the student notebook of {assignment}: {reason}")
        keep(course, assignment, nbformat.read(made / f"{assignment}.ipynb", 4).metadata.autograder.version)
        target = course.release / assignment
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        made.replace(target)
    return target / f"{assignment}.ipynb"


class EmbedSetup(NbGraderPreprocessor):  # type: ignore[misc]
    """The first step of a release: puts the setup cell in, marks the answers, and drops what an author's machine left
    in the metadata."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        embed_setup(nb)
        mark_answers(nb)
        nb.metadata = nbformat.from_dict(
            {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            }
        )
        for cell in nb.cells:
            cell.metadata.pop("execution", None)
        return nb, resources


class StampRelease(NbGraderPreprocessor):  # type: ignore[misc]
    """The last step of a release: stamps the notebook with its assignment and a version made from its contents."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        cells = [cell for cell in nb.cells if SETUP_TAG not in tags(cell)]  # a better helper is no other assignment
        text = "\0".join(f"{cell.id}\0{cell.cell_type}\0{cell.source}" for cell in cells)
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        nb.metadata["autograder"] = {"assignment": resources["nbgrader"]["assignment"], "version": version}
        return nb, resources
