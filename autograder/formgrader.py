"""Makes the notebook that a person sees in Formgrader: the clean notebook, the verdicts, the rubrics."""

import re
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell, new_output

from autograder.graft import Grafted
from autograder.lesson import SETUP_TAG, Cell, Master, grade_id, is_answer, is_check, tags
from autograder.matching import name_of
from autograder.reading import MARKER
from autograder.results import Result

_MATH_WITH_EFFECTS = re.compile(r"\\(href|url|style|class|cssId|require|unicode)\b")


def formgrader_notebook(master: Master, grafted: Grafted, result: Result) -> nbformat.NotebookNode:
    """The notebook for ``autograded/``. What a student wrote is text in it: no HTML, no script, no link that runs.

    Experiments stand in it as the student left them, with what they showed; for the hand-marked answers rest on them.
    """
    notebook = nbformat.from_dict(grafted.notebook or {**master.notebook, "cells": _stubs(master)})
    checks = {check["id"]: check for check in result["checks"]}
    rubrics = {grade_id(cell): cell["source"] for cell in master.notebook["cells"] if is_answer(cell)}
    cells = [new_markdown_cell(_summary(result), id="autograder-summary")]
    for cell in notebook.cells:
        name = grade_id(cell)
        cells.append(cell)
        if SETUP_TAG in tags(cell):
            cell.source = "# The setup cell, the same for everybody, is left out here."
        elif is_check(cell) and name in checks:
            cell.outputs = [new_output("stream", name="stdout", text=_verdict(checks[name]))]
        elif name is not None and is_answer(cell):
            cell.pop("attachments", None)
            if cell.cell_type == "markdown":
                cell.source = harmless(MARKER.sub("", cell.source, count=1))
                if name in grafted.pictures:
                    cell.attachments = nbformat.from_dict(grafted.pictures[name])
                cells.append(new_markdown_cell(_rubric(rubrics[name]), id=f"{name}-rubric"[:64]))
        elif shown := grafted.experiments.get(name_of(cell)):
            cell.source, cell.outputs = shown["source"], nbformat.from_dict(shown["outputs"])
    notebook.cells = cells
    return notebook


def _stubs(master: Master) -> list[Cell]:
    """The cells of a submission of which nothing could be read."""
    stubs = master.stubs
    return [{**c, "source": stubs[str(grade_id(c))]} if is_answer(c) else c for c in master.notebook["cells"]]


def _rubric(source: str) -> str:
    text = re.sub(r"^### (BEGIN|END) SOLUTION\n?", "", source, flags=re.MULTILINE)
    return f"**For the person who marks**\n\n{text}"


def harmless(markdown: str) -> str:
    """A student's Markdown with its HTML shown instead of used, and math commands that act taken apart."""
    return _MATH_WITH_EFFECTS.sub(r"\\ \1", markdown.replace("<", "&lt;"))


def _summary(result: Result) -> str:
    lines = [f"**{result['status']}** · {result['score']:g} of {result['max_score']:g} points by checks"]
    notes: list[Any] = [*result["repairs"], *result["flags"]]
    lines += [f"- {harmless(note['message'])}" for note in notes]
    return "\n\n".join([lines[0], "\n".join(lines[1:])])


def _verdict(check: dict[str, Any]) -> str:
    words = [check["verdict"].replace("_", " "), check["message"], check["diagnosis"] or ""]
    return "\n".join(word for word in words if word) + "\n"
