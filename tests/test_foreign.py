"""What answers bring along from where they were written."""

import ast

import pytest

from autograder.foreign import notes, portable


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("x = 5 % 3", "x = 5 % 3"),
        ('"""\n!ls\n%cd\n"""', '"""\n!ls\n%cd\n"""'),
        ("!pip install x\ny = 1", "pass  # not run when grading: !pip install x\ny = 1"),
        ("if True:\n    %time f()\n", "if True:\n    pass  # not run when grading: %time f()\n"),
        ("files = !ls", "files = None  # not run when grading: !ls"),
        ("%%time\nx = 1", "# not run when grading: %%time\nx = 1"),
        ("torch.relu??\nx = 1", "pass  # not run when grading: torch.relu??\nx = 1"),
    ],
)
def test_commands_are_taken_out_of_use_on_their_lines(source, clean):
    assert portable(source) == clean
    ast.parse(portable(source))
    assert portable(source).count("\n") == source.count("\n")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", []),
        ("!ls", [("command_left_out", {"what": "!ls"})]),
        ("input('?')", [("input_called", {})]),
        ("import os\nos.chdir('/tmp')", [("folder_changed", {})]),
        ("from google.colab import drive", [("colab_used", {})]),
        ("from google import colab", [("colab_used", {})]),
        ("import google.colab.files", [("colab_used", {})]),
        ("x = 1\nopen('/content/x')", [("path_elsewhere", {"what": "/content/x", "line": "2"})]),
        ("open(r'C:\\data')", [("path_elsewhere", {"what": "C:\\data", "line": "1"})]),
        ("x = 'http://a.b/content/'", []),
        ("x = \u201ca\u201d", [("lookalike", {"what": "a curly quotation mark", "line": "1"})]),
        ("x =\u00a01 +", [("lookalike", {"what": "a space that is not an ordinary one", "line": "1"})]),
        ("x = 'fine: \u201ca\u201d'", []),
    ],
)
def test_what_will_not_do_when_grading_is_said(source, said):
    assert list(notes(source)) == said
