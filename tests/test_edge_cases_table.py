"""The table of edge cases: what it holds, and what it refuses."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pytest_imgresponse.checks import LEVELS, VERDICTS
from pytest_imgresponse.edge_cases import EDGE_CASES, table
from pytest_imgresponse.edge_cases.predicates import any_response, success
from pytest_imgresponse.edge_cases.table import EdgeCase, edge_case, edge_case_with_request
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

ANSWER = HTTPResponse(200, {"content-type": "application/json"}, b'{"created": 1}')
REQUEST = HTTPRequest("POST", "https://api.openai.com/v1/images/generations", {}, b'{"prompt": "a red fox"}')


def test_there_are_at_least_120_cases_of_all_levels_and_verdicts() -> None:
    assert len(EDGE_CASES) >= 120
    assert {case.level for case in EDGE_CASES.values()} == set(LEVELS)
    assert {case.verdict for case in EDGE_CASES.values()} == set(VERDICTS)


def test_each_level_has_a_right_and_a_wrong_case() -> None:
    pairs = Counter((case.level, case.verdict) for case in EDGE_CASES.values())
    assert all(pairs[level, verdict] for level in LEVELS for verdict in ("valid", "unusual", "invalid"))


def test_the_cases_come_from_the_outermost_level_to_the_innermost() -> None:
    levels = [LEVELS.index(case.level) for case in EDGE_CASES.values()]
    assert levels == sorted(levels)


def test_a_case_is_called_as_its_key() -> None:
    assert all(case.name == name for name, case in EDGE_CASES.items())


@pytest.mark.parametrize("case", EDGE_CASES.values(), ids=EDGE_CASES)
def test_a_case_tells_a_person_what_it_is(case: EdgeCase) -> None:
    """The reason begins a sentence, and neither it nor the source ends one: both are cells of a table."""
    assert case.reason[0].isupper() or case.reason[0] == "`"
    assert not case.reason.endswith(".")
    assert len(case.reason) <= 140
    assert 3 < len(case.seen) <= 120
    assert case.applies_to.startswith(("A ", "Any ", "An "))


@pytest.fixture
def empty_table(monkeypatch: pytest.MonkeyPatch) -> dict[str, EdgeCase]:
    cases: dict[str, EdgeCase] = {}
    monkeypatch.setattr(table, "_CASES", cases)
    return cases


def test_a_case_enters_under_the_name_of_its_function(empty_table: dict[str, EdgeCase]) -> None:
    @edge_case("unusual", "http", seen="acme/shop#1", applies=success)
    def teapot(response: HTTPResponse) -> HTTPResponse:
        """The server is
        a teapot."""
        return HTTPResponse(418, response.headers, response.body)

    case = empty_table["teapot"]
    assert (case.name, case.verdict, case.level) == ("teapot", "unusual", "http")
    assert (case.reason, case.seen) == ("The server is a teapot", "acme/shop#1")
    assert case.applies_to == "A response of status 200"
    assert not case.needs_request
    assert case.applies(ANSWER)
    assert case(ANSWER).status == teapot(ANSWER).status == 418


def test_a_case_does_not_mutate_what_it_does_not_apply_to(empty_table: dict[str, EdgeCase]) -> None:
    @edge_case("unusual", "http", seen="acme/shop#1", applies=success)
    def teapot(response: HTTPResponse) -> HTTPResponse:
        """The server is a teapot."""
        return HTTPResponse(418, response.headers, response.body)

    case = empty_table["teapot"]
    assert not case.applies(teapot(ANSWER))
    with pytest.raises(ValueError, match="^teapot applies to A response of status 200, and not to this response$"):
        case(teapot(ANSWER))


def test_a_case_with_request_needs_the_request(empty_table: dict[str, EdgeCase]) -> None:
    def red(response: HTTPResponse, request: HTTPRequest) -> bool:
        """A request for something red."""
        return b"red" in request.body

    @edge_case_with_request("unusual", "schema", seen="acme/shop#2", applies=red)
    def blue(response: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
        """The picture is blue."""
        return HTTPResponse(200, {}, request.body.replace(b"red", b"blue"))

    case = empty_table["blue"]
    assert case.needs_request
    assert not case.applies(ANSWER)
    assert case.applies(ANSWER, REQUEST)
    assert case(ANSWER, REQUEST) == blue(ANSWER, REQUEST) == HTTPResponse(200, {}, b'{"prompt": "a blue fox"}')
    with pytest.raises(ValueError, match="blue applies to A request for something red"):
        case(ANSWER)


def test_two_cases_of_one_name_are_refused_naming_both(empty_table: dict[str, EdgeCase]) -> None:
    def teapot(response: HTTPResponse) -> HTTPResponse:
        """The server is a teapot."""
        return response

    enter = edge_case("unusual", "http", seen="acme/shop#1", applies=any_response)
    enter(teapot)
    teapot.__doc__ = "The server is a kettle."
    with pytest.raises(ValueError, match=r"called teapot: 'The server is a teapot' and 'The server is a kettle'"):
        enter(teapot)
    assert empty_table["teapot"].reason == "The server is a teapot"


def silent(response: HTTPResponse) -> bool:
    return True


@pytest.mark.parametrize(
    ("reason", "seen", "applies", "missing"),
    [
        (None, "acme/shop#1", any_response, "docstring"),
        (" ", "acme/shop#1", any_response, "docstring"),
        ("The server is a teapot.", "", any_response, r"source \(seen=…\)"),
        ("The server is a teapot.", "acme/shop#1", silent, "docstring of its predicate"),
    ],
)
def test_a_case_that_does_not_explain_itself_is_refused(
    empty_table: dict[str, EdgeCase], reason: str | None, seen: str, applies: table.Predicate, missing: str
) -> None:
    def teapot(response: HTTPResponse) -> HTTPResponse:
        return response

    teapot.__doc__ = reason
    with pytest.raises(ValueError, match=f"^the edge case teapot has no {missing}$"):
        edge_case("unusual", "http", seen=seen, applies=applies)(teapot)
    assert not empty_table


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["-c", "import pytest_imgresponse.strategies"], "pytest_imgresponse.errors.ConfigError: "),
        (["-c", "from pytest_imgresponse.cli import main; main(['cases'])"], "imgresponse cases: "),
    ],
    ids=["strategies", "command"],
)
@pytest.mark.parametrize("optimize", ["", "1", "2"])
def test_python_without_docstrings_is_refused_by_name(
    arguments: list[str], start: str, optimize: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONOPTIMIZE": optimize, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stderr.strip().rpartition("\n")[2]
    refusal = (
        f"{start}edge cases are described by their docstrings, which python -OO (PYTHONOPTIMIZE=2) leaves out; "
        "run Python with -O, or without"
    )
    assert said == (refusal if optimize == "2" else "")


def test_a_case_of_the_table_is_pickled_by_its_name() -> None:
    case = EDGE_CASES["data_url_prefix"]
    assert pickle.loads(pickle.dumps(case)) is copy.deepcopy(case) is case


def test_a_case_of_nowhere_is_copied() -> None:
    case = EdgeCase("own", "unusual", "http", "Odd", "run", "any", False, lambda *_: True, lambda response, _: response)
    assert copy.copy(case)(ANSWER) == ANSWER
    assert copy.copy(case) is not case


def test_a_case_is_equal_to_itself_alone() -> None:
    words = ("own", "unusual", "http", "Odd", "run", "any", False)
    one, other = (EdgeCase(*words, lambda *_: True, lambda response, _: response) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2


def test_the_table_is_read_only() -> None:
    """A case enters by its decorator, which asks for its reason and its source."""
    case = EDGE_CASES["data_url_prefix"]
    with pytest.raises(TypeError, match="does not support item assignment"):
        EDGE_CASES["data_url_prefix"] = case  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item deletion"):
        del EDGE_CASES["data_url_prefix"]  # type: ignore[attr-defined]
    assert not {"clear", "pop", "setdefault", "update"} & {*dir(EDGE_CASES)}
