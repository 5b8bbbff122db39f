"""Which parts of an exception a student may be shown: an exception is text that student code can choose.

While a hidden check runs, the student's code can read the check and raise an exception that spells it out. So a message
is passed on only where it has the form of one that Python or torch writes and its blanks hold small numbers, names of
Python's own, or words of the student's own answer.
"""

import builtins
import re
from importlib import resources
from typing import Any

_BUILTIN_ERRORS = {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}
_PLAIN_WORDS = {name for name in vars(builtins) if not name.startswith("_")}
_PLAIN_WORDS |= {"Tensor", "NoneType", "function", "module", "self", "lambda", "locals"}
_PLAIN_WORDS |= {"Float", "Double", "Half", "Long", "Int", "Bool", "Byte"}

_FORMS = resources.files("autograder").joinpath("exception_forms.txt")
_BLANKS = {
    "N": r"-?\d{1,5}",
    "NxN": r"\d{1,5}x\d{1,5}",
    "SHAPE": r"\[(?:-?\d{1,4}(?:, )?){0,6}\]",
    "NAME": r"([A-Za-z_<][A-Za-z0-9_.<>]{0,80})",
}


def _pattern(form: str) -> re.Pattern[str]:
    pieces = re.split(r"(\bN\b|NxN|SHAPE|NAME)", form)
    return re.compile("".join(_BLANKS.get(piece) or re.escape(piece) for piece in pieces))


_PATTERNS = [_pattern(form) for form in _FORMS.read_text().splitlines() if not form.startswith("#")]


def exception_words(error: dict[str, Any], answer: str) -> str:
    """Say what the student's code raised and where, in words that student code cannot choose.

    *error* is ``run``'s; *answer* is the source of the student's cell, whose line is shown.
    """
    name = error["name"] if error["name"] in _BUILTIN_ERRORS else "an exception"
    lines = answer.splitlines()
    number = error["line"]
    code = lines[number - 1].strip() if number and 0 < number <= len(lines) else ""
    where = f" in line {number} of your answer, `{code}`" if code else ""
    message = _shown(error["message"], answer)
    return f"Your code raised {name}{where}: {message}" if message else f"Your code raised {name}{where}."


def _shown(message: str, answer: str) -> str:
    first = message.strip().split("\n")[0]
    own = set(re.findall(r"\w+", answer)) | _PLAIN_WORDS
    for pattern in _PATTERNS:
        match = pattern.match(first)
        if match and all(set(re.findall(r"\w+", name)) <= own for name in match.groups()):
            return match[0].rstrip(".") + "."
    return ""
