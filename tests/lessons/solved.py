"""The author's answers of a lesson as Python objects, to compare with torch's own."""

from pathlib import Path
from types import SimpleNamespace

from autograder.lesson import UNGRADED_TAGS, is_answer, is_check, read_lesson, tags

SOLUTIONS = Path(__file__).parents[2] / "solutions"


def solved(lesson: str) -> SimpleNamespace:
    """Run the imports, the given cells and the answers of *lesson*, and return the names they define."""
    names: dict[str, object] = {}
    for cell in read_lesson(SOLUTIONS / lesson / f"{lesson}.ipynb").notebook["cells"]:
        teaches = UNGRADED_TAGS.intersection(tags(cell)) or "setup" in tags(cell)
        if cell["cell_type"] == "code" and not teaches and (is_answer(cell) or not is_check(cell)):
            exec(compile(cell["source"], cell["id"], "exec"), names)
    return SimpleNamespace(**names)


def source(lesson: str, cell_id: str) -> str:
    """The source of one cell of the author's notebook."""
    return str(_cell(lesson, cell_id)["source"])


def printed(lesson: str, cell_id: str) -> str:
    """What the stored outputs of one cell say as text."""
    cell = _cell(lesson, cell_id)
    return "".join(
        "".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in cell["outputs"]
    )


def _cell(lesson: str, cell_id: str) -> dict[str, object]:
    notebook = read_lesson(SOLUTIONS / lesson / f"{lesson}.ipynb").notebook
    (cell,) = (cell for cell in notebook["cells"] if cell["id"] == cell_id)
    return cell
