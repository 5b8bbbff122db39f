"""Writes the class page of an assignment: scores, pass rates and misconceptions, as figures with words."""

import base64
import io
import os
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from autograder.course import Course
from autograder.lesson import Lesson
from autograder.pages import fill, points
from autograder.repairs import INFO
from autograder.results import Result, read_results, write_text

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#C8C8C8"


def write_report(course: Course, lesson: Lesson, key: dict[str, Any]) -> Path:
    """Write the page of *lesson* from all results there are and return its path.

    Raises GraderError where nothing was graded yet.
    """
    results = read_results(course.graded / lesson.assignment)
    graded = [result for result in results if result["status"] == "graded"]
    figures = [_scores(graded), _pass_rates(graded, lesson), _misconceptions(graded, key)] if graded else []
    path = course.report / f"{lesson.assignment}.html"
    rows = [_row(course, result, path) for result in results]
    page = fill("report.html.j2", assignment=lesson.assignment, lead=_lead(results), figures=figures, results=rows)
    write_text(path, page)
    return path


def _lead(results: list[Result]) -> str:
    counts = Counter(result["status"] for result in results)
    scores = [result["score"] for result in results if result["status"] == "graded"]
    waiting = sum(bool(result["needs_manual"]) for result in results)
    words = [f"{counts['graded']} graded", f"{counts['unreadable']} unreadable", f"{counts['missing']} missing"]
    half = f"; half of the graded have {points(median(scores))} points or more" if scores else ""
    students = "1 student" if len(results) == 1 else f"{len(results)} students"
    return f"{students}: {', '.join(words)}{half}. {waiting} with answers that wait for a person."


def _row(course: Course, result: Result, page: Path) -> dict[str, Any]:
    feedback = course.feedback / result["student"] / result["assignment"] / f"{result['assignment']}.html"
    link = quote(os.path.relpath(feedback, page.parent))
    notes = [note["message"] for note in result["flags"]]
    notes += [repair["message"] for repair in result["repairs"] if repair["severity"] != INFO]
    return {**result, "link": link, "notes": notes}


def _scores(graded: list[Result]) -> dict[str, str]:
    scores, top = [result["score"] for result in graded], graded[0]["max_score"]
    figure, ax = _axes(2.6)
    bars = max(1, round(top)) + 1  # one bar for each whole number of points, full marks on its own
    ax.hist(scores, bins=bars, range=(-0.5, top + 0.5), color=BLUE, edgecolor="white")
    ax.set(xlabel="points by checks, rounded", ylabel="students")
    ax.yaxis.get_major_locator().set_params(integer=True)
    full = sum(score == top for score in scores)
    alt = (
        f"Histogram of the scores of {len(scores)} students, from {points(min(scores))} to {points(max(scores))} of "
        f"{points(top)} points. The median is {points(median(scores))}; {full} have full marks."
    )
    return _figure("Scores", figure, alt)


def _pass_rates(graded: list[Result], lesson: Lesson) -> dict[str, str]:
    verdicts = Counter((check["id"], check["verdict"]) for result in graded for check in result["checks"])
    ids = [check.id for check in lesson.checks]
    passed = [verdicts[name, "passed"] / len(graded) for name in ids]
    untried = [verdicts[name, "not_attempted"] / len(graded) for name in ids]
    figure, ax = _axes(0.7 + 0.22 * len(ids))
    rows = range(len(ids))
    lost = [1 - a - b for a, b in zip(passed, untried, strict=True)]
    ax.barh(rows, passed, color=BLUE, label="passed")
    ax.barh(rows, lost, left=passed, color=ORANGE, label="not passed")
    ax.barh(rows, untried, left=[1 - share for share in untried], color=GREY, label="not attempted")
    ax.set(xlim=(0, 1), xlabel="share of the graded", ylim=(len(ids) - 0.4, -0.6))
    ax.set_yticks(rows, [name.replace("--", " · ") for name in ids], fontsize=8)
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)
    shares = "; ".join(f"{name} {share:.0%}" for name, share in zip(ids, passed, strict=True))
    return _figure("Pass rate of each check", figure, f"Share of students who passed each check: {shares}.")


def _misconceptions(graded: list[Result], key: dict[str, Any]) -> dict[str, str]:
    names = {
        (part, variant["sentence"]): f"{part} · {variant['name'].replace('_', ' ')}"
        for part, variants in key["parts"].items()
        for variant in variants
    }
    held = Counter(
        name
        for result in graded
        for name in {
            names.get((check["id"].partition("--")[0], check["diagnosis"]))
            for check in result["checks"]
            if check["diagnosis"]
        }
        if name
    )
    most = held.most_common(12)
    figure, ax = _axes(0.9 + 0.26 * max(len(most), 1))
    ax.barh(range(len(most)), [count for _, count in most], color=ORANGE)
    ax.set_yticks(range(len(most)), [name for name, _ in most], fontsize=8)
    ax.set(xlabel="students", ylim=(max(len(most), 1) - 0.4, -0.6))
    ax.xaxis.get_major_locator().set_params(integer=True)
    counted = "; ".join(f"{name}: {count}" for name, count in most) or "none was recognised"
    return _figure("Most frequent misconceptions", figure, f"How many students hold each misconception: {counted}.")


def _axes(height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(9.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def _figure(title: str, figure: Figure, alt: str) -> dict[str, str]:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return {"title": title, "data": f"data:image/png;base64,{data}", "alt": alt}
