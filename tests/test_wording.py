"""Exceptions as students see them: useful where Python or torch wrote them, silent where student code did."""

import pytest
import torch

from autograder.wording import exception_words

ANSWER = "def normalize(x, mean, var, eps):\n    return (x - mean) / torch.sqrt(var + eps)\n"


def words(name, message, line=2, answer=ANSWER):
    return exception_words({"name": name, "message": message, "line": line}, answer)


def raised(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error)
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "function",
    [
        lambda: torch.zeros(3, 4) + torch.zeros(5),
        lambda: torch.zeros(3, 4) @ torch.zeros(3, 4),
        lambda: torch.zeros(3).view(2, 2),
        lambda: torch.zeros(3)[7],
        lambda: torch.zeros(3).mean(2),
        lambda: torch.zeros(2, 3, 4).expand(2, 3),
        lambda: torch.ones(2, requires_grad=True).add_(1),
        lambda: torch.ones(2).sum().backward(),
        lambda: torch.ones(2, requires_grad=True).backward(),
        lambda: torch.ones(2, requires_grad=True).numpy(),
        lambda: bool(torch.zeros(2)),
        lambda: torch.zeros(2).item(),
        lambda: None + 1,
        lambda: (1, 2)[3],
        lambda: 1 / 0,
        lambda: len(3),
        lambda: [].mean,
        lambda: torch.tensor([1, 2]).mean(),
        lambda: (lambda a: a)(1, 2),
    ],
)
def test_messages_of_python_and_torch_are_passed_on(function):
    name, message = raised(function)
    said = words(name, message, answer=ANSWER + "\n mean lambda")
    assert name in said and "in line 2 of your answer, `return (x - mean)" in said
    first = message.splitlines()[0].split("(Triggered")[0].split(". ")[0].rstrip(".")
    assert first[:40] in said, (message, said)


@pytest.mark.parametrize(
    "message",
    [
        "from autograder.inside import observe, sample",
        "name 'observe_x_hat_normalize_sample_6_5' is not defined",
        "The secret is 12345",
        "'x = sample(6, 5)' object has no attribute 'y'",
        "<script>alert(1)</script>",
        "",
    ],
)
def test_what_student_code_chose_to_say_is_not(message):
    said = words("ValueError", message)
    assert said == "Your code raised ValueError in line 2 of your answer, `return (x - mean) / torch.sqrt(var + eps)`."


def test_an_exception_of_ones_own_has_no_name():
    assert words("x_sample_6_5_mean", "", line=None) == "Your code raised an exception."


def test_a_line_that_is_not_there_is_not_shown():
    assert words("KeyError", "'a'", line=99) == "Your code raised KeyError."
