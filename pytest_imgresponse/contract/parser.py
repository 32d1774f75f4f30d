"""`check_parser`: the contract of a parser, in one line of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_imgresponse.contract.arguments import (
    Errors,
    caller_of,
    cases_of,
    count_of,
    exceptions_of,
    response_of,
    seconds_of,
)
from pytest_imgresponse.contract.calling import Pictures
from pytest_imgresponse.contract.pasting import defining, holding
from pytest_imgresponse.contract.report import Report
from pytest_imgresponse.contract.run import run_contract
from pytest_imgresponse.contract.trial import Given
from pytest_imgresponse.errors import ContractError
from pytest_imgresponse.http import HTTPResponse


def check_parser(
    parse: Callable[..., Any],
    *,
    given: Given = "bytes",
    rejects_with: Errors = (),
    except_for: Mapping[str, str] | None = None,
    from_response: HTTPResponse | None = None,
    pictures: Pictures | None = None,
    cases: Sequence[str] | None = None,
    ignore_hosts: Sequence[str] | None = None,
    max_examples: int | None = None,
    isolate: bool = False,
    time_limit: float = 10.0,
    memory_limit: int = 1024,
) -> Report:
    """Holds a parser to its contract over the edge cases that its form can hold, then over generated answers.

    What is valid or unusual it must accept; but an error, an image without a raster picture, and a picture that Pillow
    cannot open or that is over the pixel limit it may refuse. What is invalid it must refuse, and what is tolerated it
    may treat either way. Refusing is raising one of `rejects_with`; any other exception breaks the contract, and so
    does refusing everything.

    `given` is what `parse` takes: the `bytes` of a body, the `dict` of its JSON, the `response` (an
    `HTTPResponse`), or nothing: with `http`, `parse()` asks through whatever client it has, and `stub` answers; if it
    fetches its pictures from urls, those of the edge cases are there. Requests to `ignore_hosts` pass.
    It may be async, and what it returns is run to its end: a generator, the stream of a client.

    `from_response` is what the answers are bent from and generated around (a stream, for a parser of streams), and
    must be accepted itself; the default are plain answers, with `http` what the API would answer to the request made.
    `pictures` takes what `parse` returned and gives the bytes of its pictures, which must then be those of the
    answer. `except_for` names edge cases that may fail, each with its reason. `cases` names the only ones to try.
    `max_examples` is how many answers are generated: by default as many as Hypothesis' profile says, and none where
    `cases` are named; within `@given` it has to be 0.

    With `isolate` the parser runs in a child process, where it may take `time_limit` seconds an answer and
    `memory_limit` MiB (Linux) more than at its start; without, nothing can stop it, and its time is reported.
    Five calls in a row that hang, or end the child, end the run.

    Returns the report, which names the edge cases that were not tried, with why. Raises `ContractError`, which holds
    it, where the contract is broken, and `ConfigError` for arguments that are unknown or wrong.
    """
    __tracebackhide__ = True  # the report says it all
    limits = (seconds_of(time_limit), count_of(memory_limit, "memory_limit", 1))
    caller = caller_of(parse, given, rejects_with, pictures, ignore_hosts)
    base = response_of(from_response, caller.given)
    report = run_contract(
        caller,
        cases_of(cases),
        definitions={
            "parse": defining("parse", parse),
            "pictures": defining("pictures", pictures),
            "from_response": holding("from_response", base),
        },
        from_response=base,
        except_for=exceptions_of(except_for),
        max_examples=None if max_examples is None else count_of(max_examples, "max_examples", 0),
        limits=limits if isolate else None,
    )
    if report.rows:
        raise ContractError(str(report), report)
    return report
