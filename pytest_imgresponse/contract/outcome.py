"""What a parser did with a trial, and whether the contract allows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_imgresponse.contract.trial import Trial
from pytest_imgresponse.http import HTTPRequest

Kind = Literal["accepted", "refused", "raised", "hung", "out of memory", "ended"]
Loss = Literal["", "fewer pictures", "more pictures", "other pictures", "no pictures"]
"""What is wrong with the pictures that a parser gave; with the last, `pictures` raised."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a parser did.

    `refused`: it raised one of `rejects_with`; `raised`: another exception; `hung` and `ended` (the whole process):
    only in isolation. `error` is the exception with its message, `where` the line that raised it, and `root` the type
    and the line of the one that it began with, where it is another's cause. `loss` is what is wrong with the pictures
    that it gave, told in `lost`; `asked` are its requests under `stub`; `lazy` says that what it returned had to be run
    to its end.
    """

    kind: Kind
    error: str = ""
    where: str = ""
    root: str = ""
    seconds: float = 0.0
    loss: Loss = ""
    lost: str = ""
    asked: tuple[HTTPRequest, ...] = ()
    lazy: bool = False


def told(outcome: Outcome) -> str:
    """What a parser did, in a few words."""
    if outcome.kind == "accepted":
        return outcome.lost or "accepted it"
    if outcome.kind == "refused":
        return f"refused it with {outcome.error}"
    if outcome.kind == "raised":
        return f"raised {outcome.error} at {outcome.where}"
    if outcome.kind == "hung":
        return f"hung: no answer within {outcome.seconds:g} s"
    return f"{outcome.kind}: {outcome.error}"


def failure_of(trial: Trial, outcome: Outcome) -> str | None:
    """Why the contract is broken, in a few words; None where it holds."""
    if outcome.kind == "accepted" and trial.verdict == "invalid":
        return f"accepted it silently ({trial.path})"
    if outcome.kind == "accepted":
        broken = bool(outcome.lost)
    elif outcome.kind == "refused":
        broken = trial.must_not_be_refused
    else:
        broken = True
    return told(outcome) if broken else None


def cause_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What makes two failures one: the same exceptions from the same lines, or the same field taken as it is.

    A parser that turns whatever goes wrong into one error of its own has its bugs told apart by what that began with.
    """
    if outcome.kind == "accepted":
        return ("accepted", outcome.loss or f"{trial.level} {_field(trial.path)}")
    return (outcome.kind, outcome.error.partition(":")[0], outcome.where, outcome.root)


def excuse_of(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    """What makes a generated failure that of a case which may fail: one cause, told in the same words.

    A cause alone would excuse too much: one line may raise all that a parser refuses.
    """
    return (*cause_of(trial, outcome), outcome.error or outcome.lost)


def _field(path: str) -> str:
    """The field of a path: `$.usage.input_tokens` is `usage`, `$.data[1].url` is `data[].url`."""
    names = re.sub(r"\[\d+\]", "[]", path).removeprefix("$").lstrip(".").split(".")
    return ".".join(names[: 2 if names[0].endswith("[]") else 1])
