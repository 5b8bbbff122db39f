"""What sources define and use, and what of them an answer needs."""

import pytest

from autograder.names import defined, definitions, parse, used

SOURCE = """
import math as m, os.path
from torch import nn
A, (B, *C) = 1, (2, 3)
if A:
    D = 1
with open("x") as E:
    pass
for F in []:
    G = 1
def f(x, y=A):
    inner = m.pi
    return g(x) + inner
@decorate(A)
class K(nn.Module):
    field = B
    def method(self):
        return H
[hidden for hidden in C]
"""


def test_defined_are_the_names_bound_at_the_top():
    assert defined(SOURCE) == {*"ABCDEFGKfm", "os", "nn"}


def test_used_are_the_names_that_have_to_come_from_elsewhere():
    assert used(SOURCE) == {"g", "decorate", "H"}
    assert used("def f(x):\n    y = x\n    return len(y)") == set()


@pytest.mark.parametrize("source", ["def f(", "\0", "x = 1" + " + 1" * 60_000, "(" * 10_000, "-" * 100_000 + "1"])
def test_what_is_no_python_defines_and_uses_nothing(source):
    assert parse(source) is None or defined(source) == {"x"}
    assert used(source) == set()


def test_definitions_are_what_is_needed_and_no_more():
    source = """
import math
table = {}
table[1] = 2
unused = train()
def helper(x):
    return math.sqrt(x) + table[1]
@staticmethod
def decorated(x):
    return helper(x)
print("training"); second = 3
"""
    assert definitions(source, ["decorated"]).splitlines() == [
        "import math",
        "table = {}",
        "table[1] = 2",
        "def helper(x):",
        "    return math.sqrt(x) + table[1]",
        "@staticmethod",
        "def decorated(x):",
        "    return helper(x)",
    ]
    assert definitions(source, ["second"]) == "second = 3"
    assert definitions("def f(", ["f"]) == ""
