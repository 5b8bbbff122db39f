"""Fills the HTML templates. Everything that is put into one is escaped; no page loads or runs anything."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("autograder"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def fill(template: str, **values: Any) -> str:
    """The text of *template* with *values* in it. ``points`` formats a number of points in every template."""
    return _environment().get_template(template).render(points=points, **values)


def points(number: float) -> str:
    """A number of points as a person writes it: no trailing zeros, at most two decimals."""
    return f"{round(number, 2):g}"
