"""What happens to notebooks between a student and a grader: one function for each kind of damage.

A function takes the notebook that a student handed in, and a source of randomness, and returns a damaged one: a
notebook, or the bytes of a file. ``KINDS`` says what each has to be told as, and whether all answers survive it.
"""

import copy
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind of damage, the repairs of which one has to be reported, and whether all answers can be read after it."""

    damage: Callable[[Any, random.Random], Any]
    codes: frozenset[str]
    survives: bool = True

    @property
    def name(self) -> str:
        return self.damage.__name__


KINDS: list[Kind] = []
"""Kinds of damage to a notebook."""
FILE_KINDS: list[Kind] = []
"""Kinds of damage to the file that a notebook is stored in."""


def kind(*codes: str, survives: bool = True, of: list[Kind] = KINDS):
    def register(damage):
        of.append(Kind(damage, frozenset(codes), survives))
        return damage

    return register


def file_kind(*codes: str, survives: bool = True):
    return kind(*codes, survives=survives, of=FILE_KINDS)


def damaged(notebook: Notebook, kinds: list[Kind], randomness: random.Random) -> bytes:
    """The bytes of *notebook* after all of *kinds*, in their order; those of files come last."""
    notebook = copy.deepcopy(notebook)
    for one in kinds:
        if one in KINDS:
            notebook = one.damage(notebook, randomness)
    data = json.dumps(notebook, indent=1, ensure_ascii=False).encode()
    for one in kinds:
        if one in FILE_KINDS:
            data = one.damage(data, randomness)
    return data


# Finding cells, also in notebooks that are damaged already


def settings(cell: Any) -> dict[str, Any]:
    meta = cell["metadata"].get("nbgrader")
    return meta if isinstance(meta, dict) else {}


def grade_id(cell: Any) -> str | None:
    return settings(cell).get("grade_id")


def is_check(cell: Any) -> bool:
    return "--" in (grade_id(cell) or "")


def is_answer(cell: Any) -> bool:
    return bool(settings(cell).get("solution"))


def cells_of(notebook: Notebook, test: Callable[[Any], bool]) -> list[int]:
    return [number for number, cell in enumerate(notebook["cells"]) if test(cell)]


def is_code_answer(cell: Any) -> bool:
    return is_answer(cell) and cell["cell_type"] == "code"


def an_answer(notebook: Notebook, randomness: random.Random) -> int:
    """The place of one code answer that is still whole."""
    places = cells_of(notebook, lambda cell: is_code_answer(cell) and "\n" in cell["source"])
    return randomness.choice(places)


def a_check(notebook: Notebook, randomness: random.Random) -> int:
    return randomness.choice(cells_of(notebook, is_check))


def new_cell(source: str, kind: str = "code", **more: Any) -> dict[str, Any]:
    cell = {"cell_type": kind, "metadata": {}, "source": source, **more}
    return cell if kind == "markdown" else {**cell, "outputs": [], "execution_count": None}


def stub(cell: Any) -> str:
    """About what the cell held before the student worked on it."""
    return re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", cell["source"], flags=re.S)


def halves(source: str) -> tuple[str, str]:
    """Two parts of a source, cut between two lines of its last definition."""
    lines = source.split("\n")
    middle = max(n for n, line in enumerate(lines) if line.strip() and n > 0)
    return "\n".join(lines[:middle]), "\n".join(lines[middle:])


# Copies, halves, other cells (1 to 8)


@kind("two_copies")
def an_older_attempt_stands_before_the_answer(notebook, randomness):
    place = an_answer(notebook, randomness)
    older = copy.deepcopy(notebook["cells"][place])
    older["source"] = stub(older).replace("raise NotImplementedError()", "return None  # for now")
    notebook["cells"].insert(place, older)
    return notebook


@kind("stub_dropped")
def an_empty_copy_stands_beside_the_answer(notebook, randomness):
    place = an_answer(notebook, randomness)
    empty = copy.deepcopy(notebook["cells"][place])
    empty["source"] = "   \n"
    notebook["cells"].insert(place + randomness.choice([0, 1]), empty)
    return notebook


@kind("given_doubled")
def a_check_is_there_twice(notebook, randomness):
    place = a_check(notebook, randomness)
    notebook["cells"].insert(place, copy.deepcopy(notebook["cells"][place]))
    return notebook


@kind("given_doubled")
def given_code_is_there_twice(notebook, randomness):
    (place,) = cells_of(notebook, lambda cell: cell["id"] == "imports")
    notebook["cells"].insert(place, copy.deepcopy(notebook["cells"][place]))
    return notebook


@kind("answer_joined")
def an_answer_is_split_and_both_halves_keep_its_name(notebook, randomness):
    place = an_answer(notebook, randomness)
    cell = notebook["cells"][place]
    first, second = halves(cell["source"])
    notebook["cells"][place : place + 1] = [{**cell, "source": first}, copy.deepcopy({**cell, "source": second})]
    return notebook


@kind("answer_joined")
def an_answer_is_split_and_one_half_has_no_name(notebook, randomness):
    place = an_answer(notebook, randomness)
    cell = notebook["cells"][place]
    first, second = halves(cell["source"])
    notebook["cells"][place : place + 1] = [{**cell, "source": first}, new_cell(second)]
    return notebook


@kind("answer_elsewhere")
def the_answer_stands_in_a_new_cell(notebook, randomness):
    place = an_answer(notebook, randomness)
    cell = notebook["cells"][place]
    notebook["cells"].insert(place + 1, new_cell(cell["source"]))
    cell["source"] = ""
    return notebook


@kind("answer_elsewhere")
def two_answers_are_merged_into_one_cell(notebook, randomness):
    places = cells_of(notebook, lambda cell: is_code_answer(cell) and cell["source"].strip())
    if len(places) < 2:
        return the_answer_stands_in_a_new_cell(notebook, randomness)
    first, second = sorted(randomness.sample(places, 2))
    notebook["cells"][first]["source"] += "\n\n\n" + notebook["cells"].pop(second)["source"]
    return notebook


@kind("given_code_cut")
def an_answer_is_merged_with_a_public_check(notebook, randomness):
    places = cells_of(notebook, lambda cell: cell["id"].endswith("-public"))
    place = randomness.choice(places) if places else None
    if place is None:
        return a_check_is_deleted(notebook, randomness)
    part = notebook["cells"][place]["id"].removesuffix("-public")
    for cell in notebook["cells"]:
        if cell["id"] == part and is_code_answer(cell):
            cell["source"] += "\n" + notebook["cells"][place]["source"]
    del notebook["cells"][place]
    return notebook


@kind("helpers_kept")
def the_work_is_done_by_a_helper_in_another_cell(notebook, randomness):
    place = an_answer(notebook, randomness)
    cell = notebook["cells"][place]
    part = re.findall(r"^(?:def|class) (\w+)", cell["source"], flags=re.M)[-1]
    helper = re.sub(rf"^(def|class) {part}\b", rf"\1 my_{part}", cell["source"], flags=re.M)
    cell["source"] = f"{part} = my_{part}\n"
    notebook["cells"].insert(randomness.choice([place, place + 1]), new_cell(f"steps = 3\n{helper}\nprint(steps)"))
    return notebook


@kind("helpers_kept")
def what_an_answer_imports_was_added_to_a_given_cell(notebook, randomness):
    (imports, *_) = cells_of(notebook, lambda cell: cell["id"] == "imports")
    place = an_answer(notebook, randomness)
    notebook["cells"][imports]["source"] += "\nimport statistics as the_statistics"
    notebook["cells"][place]["source"] += "\nhalf = the_statistics.mean([0, 1])"
    return notebook


# Cells that are gone, and names that are (9 to 18)


@kind("given_missing")
def a_check_is_deleted(notebook, randomness):
    del notebook["cells"][a_check(notebook, randomness)]
    return notebook


@kind("given_missing")
def all_given_cells_are_deleted(notebook, randomness):
    notebook["cells"] = [cell for cell in notebook["cells"] if is_answer(cell) or not grade_id(cell)]
    return notebook


@kind("answer_missing", survives=False)
def an_answer_is_deleted(notebook, randomness):
    del notebook["cells"][an_answer(notebook, randomness)]
    return notebook


@kind("metadata_lost")
def all_metadata_of_cells_is_lost(notebook, randomness):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return notebook


@kind("metadata_lost")
def metadata_and_ids_are_lost(notebook, randomness):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell["id"] = f"{randomness.getrandbits(32):08x}"
    return notebook


@kind("metadata_lost")
def metadata_ids_and_markers_are_lost(notebook, randomness):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
        cell["source"] = re.sub(r"^(# |<!-- )Answer cell: .*\n", "", cell["source"])
    notebook["nbformat_minor"] = 4
    return notebook


@kind("metadata_restored")
def a_check_loses_its_metadata(notebook, randomness):
    notebook["cells"][a_check(notebook, randomness)]["metadata"] = {}
    return notebook


@kind("recognised", "recognised_by_content")
def an_answer_loses_its_metadata(notebook, randomness):
    notebook["cells"][an_answer(notebook, randomness)]["metadata"] = {}
    return notebook


@kind("recognised", "recognised_by_content")
def an_answer_gets_another_grade_id(notebook, randomness):
    notebook["cells"][an_answer(notebook, randomness)]["metadata"]["nbgrader"]["grade_id"] = "cell-1234"
    return notebook


@kind("recognised", "recognised_by_content")
def an_answer_is_retyped_into_a_bare_cell(notebook, randomness):
    place = an_answer(notebook, randomness)
    notebook["cells"][place] = new_cell(notebook["cells"][place]["source"])
    return notebook


@kind("wrong_name")
def two_answers_have_each_others_names(notebook, randomness):
    places = cells_of(notebook, lambda cell: is_code_answer(cell) and cell["source"].strip())
    if len(places) < 2:
        return an_answer_has_the_name_of_a_check(notebook, randomness)
    a, b = (notebook["cells"][place] for place in randomness.sample(places, 2))
    a["source"], b["source"] = b["source"], a["source"]
    return notebook


@kind("wrong_name")
def an_answer_has_the_name_of_a_check(notebook, randomness):
    answer, check = notebook["cells"][an_answer(notebook, randomness)], notebook["cells"][a_check(notebook, randomness)]
    answer["metadata"]["nbgrader"]["grade_id"] = grade_id(check)
    answer["id"] = answer["id"] + "-old"
    return notebook


@kind("points_raised", "metadata_restored")
def points_are_changed(notebook, randomness):
    meta = notebook["cells"][a_check(notebook, randomness)]["metadata"]["nbgrader"]
    randomness.choice([lambda: meta.pop("points"), lambda: meta.update(points=100), lambda: meta.update(points="x")])()
    return notebook


@kind("metadata_restored")
def flags_are_flipped(notebook, randomness):
    meta = notebook["cells"][an_answer(notebook, randomness)]["metadata"]["nbgrader"]
    meta["locked"] = not meta["locked"]
    return notebook


@kind("metadata_restored")
def nbgrader_is_empty_or_null(notebook, randomness):
    notebook["cells"][a_check(notebook, randomness)]["metadata"]["nbgrader"] = randomness.choice([{}, None, [], 3])
    return notebook


@kind("metadata_restored")
def the_schema_is_old(notebook, randomness):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader"):
            cell["metadata"]["nbgrader"]["schema_version"] = randomness.choice([1, None])
    return notebook


# Other cells, order, types (19 to 21)


@kind("type_restored")
def an_answer_becomes_text(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["cell_type"] = randomness.choice(["markdown", "raw"])
    return notebook


@kind("check_edited")
def a_check_is_edited(notebook, randomness):
    notebook["cells"][a_check(notebook, randomness)]["source"] += "\nassert True"
    return notebook


@kind("given_edited")
def given_code_is_edited(notebook, randomness):
    (place, *_) = cells_of(notebook, lambda cell: cell["id"] == "imports")
    notebook["cells"][place]["source"] = notebook["cells"][place]["source"].replace("import", "import ") + "\ntorch = 3"
    return notebook


@kind("reordered")
def checks_stand_before_answers(notebook, randomness):
    notebook["cells"].sort(key=lambda cell: not is_check(cell))
    return notebook


# The notebook as a whole (32 to 37, 49, 52)


@kind("not_strict")
def some_cells_are_none(notebook, randomness):
    notebook["cells"] += [None, 3, "text", {"cell_type": "code"}]
    notebook["cells"] = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    return notebook


@kind("not_strict")
def a_source_is_null(notebook, randomness):
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": None, "id": "null"})
    return notebook


@kind()
def outputs_are_broken(notebook, randomness):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = randomness.choice([[{"output_type": "odd"}], [None], None, [float("nan")], "x"])
            cell["extra"] = {"deep": [1, {}]}
    return notebook


@kind("old_format")
def the_format_is_3(notebook, randomness):
    cells = []
    for cell in notebook["cells"]:
        cell = {key: value for key, value in cell.items() if key != "id"}
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
        cells.append(cell)
    return {**notebook, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}], "cells": None}


@kind()
def the_minor_version_does_not_fit(notebook, randomness):
    return {**notebook, "nbformat_minor": randomness.choice([0, 2, 99])}


@kind()
def there_are_widgets_without_a_state(notebook, randomness):
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    return notebook


@kind("big_outputs")
def outputs_are_large(notebook, randomness):
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 6_000_000}]
    return notebook


@kind("front_end")
def it_was_on_colab(notebook, randomness):
    person = {"user": {"displayName": "Ada", "userId": "123"}, "timestamp": 1}
    for number, cell in enumerate(notebook["cells"]):
        name = cell.pop("id", None)
        cell["metadata"] |= {"id": name or f"{number:012d}", "executionInfo": person, "outputId": "abc"}
    notebook["metadata"] |= {"colab": {"provenance": []}, "accelerator": "GPU", "kernelspec": {"name": "python3"}}
    badge = new_cell('<a href="https://colab.research.google.com/x">', "markdown")
    notebook["cells"].insert(0, {**badge, "metadata": {"id": "view-in-github"}})
    notebook["nbformat_minor"] = 0
    return notebook


@kind("front_end")
def it_was_on_kaggle(notebook, randomness):
    notebook["metadata"]["kaggle"] = {"accelerator": "none"}
    for cell in notebook["cells"]:
        cell["metadata"] |= {"_uuid": "1", "trusted": True, "execution": {"iopub.status.busy": "2026"}}
    return notebook


@kind("front_end")
def it_was_in_vs_code(notebook, randomness):
    for cell in notebook["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}
    notebook["metadata"].pop("autograder", None)
    return notebook


@kind("kernel_restored")
def the_kernel_has_another_name(notebook, randomness):
    notebook["metadata"]["kernelspec"] = randomness.choice([{"name": "conda-env-x", "language": "R"}, None, {}])
    return notebook


@kind("run_out_of_order")
def cells_were_run_out_of_order(notebook, randomness):
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code):
        cell["execution_count"] = len(code) - number
    return notebook


# What answers do (38 to 47, 51)


@kind()
def an_answer_prints_very_much(notebook, randomness):
    notebook["cells"][an_answer(notebook, randomness)]["source"] += "\nprint('x' * 300_000)\n"
    return notebook


@kind("command_left_out")
def an_answer_has_commands_to_the_notebook(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    commands = ["%%time", "!pip install -q torch", "%pip install einops", "%matplotlib inline", "files = !ls", "%cd .."]
    cell["source"] = "\n".join([*randomness.sample(commands[1:], 3), cell["source"], "!git clone https://x.y/z"])
    return notebook


@kind("command_left_out")
def an_answer_is_timed(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] = f"%%time\n{cell['source']}"
    return notebook


@kind("colab_used")
def an_answer_mounts_google_drive(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    mount = "from google.colab import drive\ndrive.mount('/content/drive')\nopen('/content/drive/MyDrive/a', 'w')"
    cell["source"] = f"{mount}\n{cell['source']}"
    return notebook


@kind("path_elsewhere")
def an_answer_names_a_place_on_the_students_machine(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] += "\nprint(open(r'C:\\Users\\ada\\data.csv').read())"
    return notebook


@kind("folder_changed")
def an_answer_changes_the_folder(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] += "\nimport os\nos.chdir('/')"
    return notebook


@kind("input_called")
def an_answer_asks_for_input(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] = f"name = input('Who are you? ')\n{cell['source']}"
    return notebook


@kind()
def the_student_added_training_that_does_not_end(notebook, randomness):
    place = an_answer(notebook, randomness)
    notebook["cells"].insert(place + 1, new_cell("while True:\n    epoch = 1"))
    return notebook


@kind()
def an_answer_ends_python(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] += "\nimport sys\nsys.exit()"
    return notebook


@kind("lookalike", survives=False)
def an_answer_holds_curly_quotation_marks(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] += "\nprint(\u201cdone\u201d)"
    return notebook


@kind(survives=False)
def an_answer_is_not_python(notebook, randomness):
    cell = notebook["cells"][an_answer(notebook, randomness)]
    cell["source"] += "\nreturn return ("
    return notebook


# The file (25 to 31)


@file_kind()
def it_has_a_byte_order_mark(data, randomness):
    return b"\xef\xbb\xbf" + data


@file_kind("encoding")
def it_is_in_utf_16(data, randomness):
    return data.decode().encode(randomness.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]))


@file_kind()
def its_lines_end_as_on_windows(data, randomness):
    return data.replace(b"\n", b"\r\n")


@file_kind("merge_conflict")
def it_holds_a_merge_conflict(data, randomness):
    lines = data.decode().split("\n")
    places = [n for n, line in enumerate(lines) if re.match(r'\s*"source": ".', line)]
    place = randomness.choice(places)
    other = re.sub(r'"source": ".*"', '"source": "pass"', lines[place])
    sides = [[lines[place]], [other]]
    randomness.shuffle(sides)
    conflict = ["<<<<<<< HEAD", *sides[0], "=======", *sides[1], ">>>>>>> theirs"]
    return "\n".join([*lines[:place], *conflict, *lines[place + 1 :]]).encode()


@file_kind("cut_off", survives=False)
def it_is_cut_off(data, randomness):
    return data[: randomness.randrange(len(data) // 2, len(data) - 2)]


@file_kind("cut_off")
def its_last_brackets_are_missing(data, randomness):
    text = data.decode()
    end = text.rindex('"metadata": {\n  "autograder"') if '"metadata": {\n  "autograder"' in text else len(text) - 3
    return text[:end].encode()


@file_kind("python_file")
def it_was_exported_as_python(data, randomness):
    try:
        notebook = json.loads(data)
    except ValueError:
        return data
    cells = notebook.get("cells") or notebook["worksheets"][0]["cells"]
    blocks = []
    for cell in cells:
        source = cell.get("source", cell.get("input")) or ""
        if cell["cell_type"] == "code":
            blocks.append(f"# %%\n{source}")
        else:
            blocks.append("# %% [markdown]\n" + "\n".join(f"# {line}" for line in source.split("\n")))
    return "\n\n".join(blocks).encode()
