"""Every kind of damage, on every lesson, and combinations of them: what can be read keeps its score."""

import html
import random
import re

import nbformat
import pytest
from conftest import EXPLORE, LESSON, ROOT, SEED
from damage import FILE_KINDS, KINDS, damaged
from handin import filled_in, hand_in, solutions

from autograder.course import Course
from autograder.grade import grade
from autograder.graft import graft
from autograder.judge import judge
from autograder.key import master_of
from autograder.lesson import ANSWERED, is_run, read_lesson

COURSE = Course.find(ROOT)
ALL = [*KINDS, *FILE_KINDS]
COMBINATIONS = 320


class Assignment:
    """A lesson, its key, and a way to score a submission that runs nothing twice."""

    def __init__(self, lesson, key, pool):
        self.lesson = read_lesson(COURSE.lesson_file(lesson))
        self.master = master_of(self.lesson, COURSE)
        self.key = key
        self.pool = pool
        marks = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
        self.notebook = filled_in({name: marks.sub("", text) for name, text in solutions(lesson).items()}, lesson)
        self.full = sum(check.points for check in self.lesson.checks)
        self.known = {}

    def lift(self, data):
        return graft(data, self.master)

    def score(self, grafted):
        """What a submission earns; equal answers, run in equal notebooks, earn the same."""
        states = tuple((name, answer.state) for name, answer in grafted.answers.items())
        executed = tuple(cell["source"] for cell in grafted.notebook["cells"] if is_run(cell))
        if (executed, states) not in self.known:
            ((_, outcomes),) = self.pool.run([("one", grafted.notebook)])
            checks, _ = judge(self.key, outcomes["cells"], grafted.answers)
            self.known[executed, states] = sum(check["points"] for check in checks)
        return self.known[executed, states]


@pytest.fixture(scope="module")
def assignments(answer_keys, pool):
    kept = {}

    def assignment(name):
        if name not in kept:
            kept[name] = Assignment(name, answer_keys(name), pool)
        return kept[name]

    return assignment


@pytest.mark.parametrize("lesson", COURSE.assignments())
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_one_kind(assignments, lesson, kind):
    assignment = assignments(lesson)
    grafted = assignment.lift(damaged(assignment.notebook, [kind], random.Random(f"{lesson}/{kind.name}")))
    said = {repair["code"] for repair in grafted.repairs}
    if len(grafted.answers) == 1 and not kind.survives and grafted.notebook is None:
        assert said == {"nothing_found"}, "the only answer is gone"
        return
    assert grafted.notebook is not None, grafted.repairs
    # Where all cells lost their metadata, one answer is told as one.
    codes = {"metadata_restored"} if len(grafted.answers) == 1 and kind.codes == {"metadata_lost"} else kind.codes
    assert said & codes or not codes, (said, codes)
    if kind.survives:
        assert assignment.score(grafted) == assignment.full, grafted.repairs
        assert {answer.state for answer in grafted.answers.values()} == {ANSWERED}


def test_combinations(assignments):
    seed = random.randrange(10**6) if EXPLORE else SEED
    print(f"{COMBINATIONS} combinations drawn with seed {seed}")
    randomness = random.Random(seed)
    names = COURSE.assignments()
    wrong = []
    number = 0
    while number < COMBINATIONS:
        assignment = assignments(names[number % len(names)])
        kinds = draw(randomness)
        try:
            data = damaged(assignment.notebook, kinds, randomness)
        except (AttributeError, IndexError, KeyError, ValueError, StopIteration, TypeError):
            continue  # the one leaves nothing for the other to damage
        number += 1
        grafted = assignment.lift(data)
        what = f"{assignment.lesson.assignment}: {' + '.join(kind.name for kind in kinds)}"
        survives = all(kind.survives for kind in kinds)
        if grafted.notebook is None:
            wrong += [f"{what}: not read, {grafted.repairs}"] if survives else []
        elif survives and (score := assignment.score(grafted)) != assignment.full:
            wrong.append(f"{what}: {score} of {assignment.full}, {[repair['message'] for repair in grafted.repairs]}")
        elif not grafted.repairs and any(kind.codes for kind in kinds) and not _undone(kinds):
            wrong.append(f"{what}: nothing was reported")
    assert not wrong, f"{len(wrong)} of {COMBINATIONS}:\n" + "\n".join(wrong)


def _undone(kinds):
    """Whether one damage may take back what another did, so that there is nothing to report."""
    names = {kind.name for kind in kinds}
    twice = {"a_check_is_there_twice", "a_check_is_deleted"} <= names
    # Split off, what was added to an answer is a cell of its own, which nothing needs.
    apart = "an_answer_is_split_and_one_half_has_no_name" in names
    return twice or apart


def draw(randomness):
    """Two or three kinds of damage, at most one of them to the file."""
    kinds = randomness.sample(KINDS, randomness.choice([1, 2, 3]))
    if len(kinds) < 3 and (len(kinds) == 1 or randomness.random() < 0.5):
        kinds.append(randomness.choice(FILE_KINDS))
    # What was typed was typed before the cell was split; a half with something in its middle is no answer any more.
    return sorted(kinds, key=lambda kind: "split" in kind.name)


def test_a_class_of_all_kinds_through_the_whole_chain(assignments, course, pool):
    notebook = assignments(LESSON).notebook
    hand_in(course, "ada", notebook)
    (alone,) = grade(course, LESSON, workers=pool)
    for kind in ALL:
        hand_in(course, kind.name, damaged(notebook, [kind], random.Random(kind.name)))
    results = {result["student"]: result for result in grade(course, LESSON, workers=pool, force=True)}
    assert timeless(results["ada"]) == timeless(alone)
    for kind in ALL:
        result = results[kind.name]
        assert result["status"] == "graded"
        assert result["score"] == alone["score"] or not kind.survives, kind.name
        page = html.unescape((course.feedback / kind.name / LESSON / f"{LESSON}.html").read_text())
        assert all(repair["message"] in page for repair in result["repairs"]), kind.name
        nbformat.validate(nbformat.read(course.autograded / kind.name / LESSON / f"{LESSON}.ipynb", 4))


def timeless(result):
    checks = [{**check, "seconds": 0} for check in result["checks"]]
    return {**result, "started": "", "seconds": 0, "checks": checks}
