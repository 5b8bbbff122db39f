"""Reading misconceptions: as sources under the answer's name, without running a line of them."""

import pytest

from autograder.errors import GraderError
from autograder.variants import read_variants

FILE = '''"""Ways to write double(x)."""
import math

from autograder.variants import alternative, misconception

raise RuntimeError("reading must not run this")

@some.wrapper
def helper(x):
    return x

@alternative
def added(x):
    return x + helper(x)

@misconception("You " "square.", accept=("zero",), flag="odd")
@some.decorator(1)
def squared(x):
    return squared_of(x)

@misconception("A class.")
class Doubler(Base):
    def __init__(self):
        super().__init__()
'''


def read(tmp_path, text, name="double"):
    (tmp_path / f"{name}.py").write_text(text)
    return read_variants(tmp_path, {"double": ["zero", "one"]})


def test_each_implementation_under_the_answers_name(tmp_path):
    added, squared, doubler = read(tmp_path, FILE)
    assert (added.name, added.right, added.part) == ("added", True, "double")
    assert added.source.endswith("def double(x):\n    return x + helper(x)\n")
    assert "def helper(x):" in added.source and "import math" in added.source
    assert "autograder" not in added.source
    assert (squared.sentence, squared.accept, squared.flag) == ("You square.", ("zero",), "odd")
    assert squared.source.endswith("@some.decorator(1)\ndef double(x):\n    return squared_of(x)\n")
    assert "class double(Base):" in doubler.source and not doubler.right
    assert "def squared" not in added.source and "@misconception" not in squared.source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def (", "line 1: .* it must be a Python file"),
        ("@misconception\ndef f(x): ...", "needs a sentence"),
        ("@misconception()\ndef f(x): ...", "needs a sentence"),
        ("@misconception(SENTENCE)\ndef f(x): ...", "written out as constants"),
        ("@misconception('a', accept=('two',))\ndef f(x): ...", "accepts 'two', which is no check of double"),
        ("@misconception('a', points=1)\ndef f(x): ...", "is given 'points'"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, words):
    with pytest.raises(GraderError, match=words):
        read(tmp_path, text)


def test_a_file_of_no_answer_is_refused(tmp_path):
    with pytest.raises(GraderError, match=r"stands for no answer .* double"):
        read(tmp_path, FILE, name="duble")
