"""What a parser did with a trial, and whether the contract allows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pytest_imgresponse.contract.trial import Trial
from pytest_imgresponse.http import HTTPRequest

Kind = Literal["accepted", "refused", "raised", "hung", "out of memory", "ended"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a parser did.

    `refused`: it raised one of `rejects_with`; `raised`: another exception; `hung` and `ended` (the whole process):
    only in isolation. `error` is the exception with its message, `where` the line that raised it, `lost` what is
    wrong with the pictures that it gave, `asked` its requests under `stub`; `lazy` says that what it returned had to be
    run to its end.
    """

    kind: Kind
    error: str = ""
    where: str = ""
    seconds: float = 0.0
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
    """What makes two failures one: the same exception from the same line, or the same field taken as it is."""
    if outcome.kind == "accepted":
        return ("accepted", outcome.lost or f"{trial.level} {_field(trial.path)}")
    return (outcome.kind, outcome.error.partition(":")[0], outcome.where)


def _field(path: str) -> str:
    """The field of a path: `$.usage.input_tokens` is `usage`, `$.data[1].url` is `data[].url`."""
    names = re.sub(r"\[\d+\]", "[]", path).removeprefix("$").lstrip(".").split(".")
    return ".".join(names[: 2 if names[0].endswith("[]") else 1])
