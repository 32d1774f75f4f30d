"""`imgresponse cases`: the table, its filters and forms, the answer that a case makes; and the plain responses."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_imgresponse import HTTPRequest, HTTPResponse, ImagesResponse
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.checks import LEVELS, VERDICTS, check
from pytest_imgresponse.cli import main
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase, table
from pytest_imgresponse.edge_cases.mutators import with_body, with_header
from pytest_imgresponse.edge_cases.predicates import any_response
from tests.conftest import installed

HEADING = ["NAME", "LEVEL", "VERDICT", "WHAT", "IT", "IS", "(WHERE", "IT", "WAS", "SEEN)"]


@pytest.fixture
def cases(capsys, monkeypatch):
    """Run the command where no terminal is, and give its exit code, output and complaints."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["cases", *arguments])
        except SystemExit as ended:
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def entered(monkeypatch):
    """Enter a case of our own into the table, for this test."""

    def enter(mutate, applies=any_response, *, reason="It is made up", seen="here"):
        where = "made-up answers"
        case = EdgeCase(
            "made_up",
            "unusual",
            "json",
            reason,
            seen,
            where,
            False,
            lambda it, _: applies(it),
            lambda it, _: mutate(it),
        )
        monkeypatch.setitem(table._CASES, case.name, case)
        return case

    return enter


def names(output: str) -> list[str]:
    return [line.split()[0] for line in output.splitlines()[1:]]


def test_every_case_has_a_line_with_all_there_is_to_say(cases):
    code, output, complaints = cases()
    heading, *lines = output.splitlines()
    assert (code, complaints) == (0, "")
    assert heading.split() == HEADING
    for line, case in zip(lines, EDGE_CASES.values(), strict=True):
        assert line.split(None, 3) == [case.name, case.level, case.verdict, f"{case.reason} ({case.seen})"]


@pytest.mark.parametrize(("columns", "beside"), [("79", False), ("80", False), ("200", True), ("20", False)])
def test_in_a_terminal_it_fits_and_nothing_is_lost(cases, monkeypatch, columns, beside):
    monkeypatch.setenv("COLUMNS", columns)
    _, output, _ = cases()
    assert max(map(len, output.splitlines())) <= max(int(columns), 60)
    assert output.split() == [
        *HEADING,
        *(
            word
            for case in EDGE_CASES.values()
            for word in f"{case.name} {case.level} {case.verdict} {case.reason} ({case.seen})".split()
        ),
    ]
    assert ("VERDICT    WHAT IT IS" in output) is beside


def test_the_filters(cases):
    def chosen(*arguments: str) -> set[str]:
        return set(names(cases(*arguments)[1]))

    invalid = {case.name for case in EDGE_CASES.values() if case.verdict == "invalid"}
    tolerated = {case.name for case in EDGE_CASES.values() if case.verdict == "tolerated"}
    base64 = {case.name for case in EDGE_CASES.values() if case.level == "base64"}
    assert chosen("--verdict", "invalid") == invalid
    assert chosen("--verdict", "invalid", "--verdict", "tolerated") == invalid | tolerated
    assert chosen("--verdict", "invalid", "--level", "base64") == invalid & base64
    assert chosen("--name", "null") == {name for name in EDGE_CASES if "null" in name}
    assert chosen("--name", "*_null") == {name for name in EDGE_CASES if name.endswith("_null")}
    assert chosen("--name", "data_[nu]*") == {name for name in EDGE_CASES if name.startswith(("data_n", "data_u"))}
    assert chosen("--name", "data_url_prefi?") == {"data_url_prefix"}


def test_as_json(cases):
    code, output, _ = cases("--json")
    assert code == 0
    told = json.loads(output)
    assert [case["name"] for case in told] == list(EDGE_CASES)
    for case in told:
        assert case == {name: getattr(EDGE_CASES[case["name"]], name) for name in case}
    fields = {field.name for field in dataclasses.fields(EdgeCase) if not field.name.startswith("_")}
    assert set(told[0]) == fields


def test_as_markdown(cases, entered):
    entered(lambda response: response, reason="One | two", seen="a|b")
    _, output, _ = cases("--markdown")
    lines = output.splitlines()
    assert lines[:2] == ["| Level | Verdict | Name | What it is | Seen |", "|---|---|---|---|---|"]
    assert lines[-1] == "| json | unusual | `made_up` | One \\| two | a\\|b |"
    assert len(lines) == 2 + len(EDGE_CASES)
    assert all(line.replace("\\|", "").count("|") == 6 for line in lines)


@pytest.mark.parametrize(("form", "printed"), [((), ""), (("--json",), "[]\n")])
def test_where_no_case_is_of_that_kind(cases, form, printed):
    assert cases("--name", "no such", *form) == (
        1,
        printed,
        "imgresponse cases: no edge case is of that kind; without filters, all are listed\n",
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--verdict", "good"], "argument --verdict: expected one of valid, unusual, tolerated, invalid; got 'good'"),
        (
            ["--level", "field"],
            "argument --level: expected one of http, stream, json, schema, base64, image; got 'field'",
        ),
        (["--json", "--markdown"], "not allowed with argument"),
        (["--json", "--show", "html_gateway_page"], "not allowed with argument"),
        (["--raw"], "imgresponse cases: --raw goes with --show NAME"),
        (["--show", "data_url_prefix", "--verdict", "valid"], "--show prints the one case that it names; it takes no"),
        (["--show", "data_url_prefix", "--name", ""], "--show prints the one case that it names; it takes no"),
        (["--show", "data_url_perfix"], "no edge case is called 'data_url_perfix'; did you mean data_url_prefix"),
        (["--show", "prefix"], "no edge case is called 'prefix'; did you mean "),
        (["--show", "?"], "no edge case is called '?'; `imgresponse cases` lists their names"),
    ],
)
def test_what_was_asked_wrongly_is_refused(cases, arguments, complaint):
    code, output, complaints = cases(*arguments)
    assert (code, output) == (2, "")
    assert complaint in complaints


def test_the_help_names_every_verdict_and_level(cases):
    _, output, _ = cases("--help")
    for word in (*VERDICTS, *LEVELS):
        assert word in output


def test_an_answer_is_shown_for_reading(cases):
    code, output, complaints = cases("--show", "data_url_prefix")
    case = EDGE_CASES["data_url_prefix"]
    assert code == 0
    assert complaints == f"data_url_prefix: base64, unusual. {case.reason} ({case.seen}).\n\n"
    head, _, body = output.partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\ndate: ")
    assert "\ncontent-type: application/json\n" in head
    payload = json.loads(body)["data"][0]["b64_json"]
    assert payload.startswith("data:image/png;base64,iVBORw0KGgo")
    assert payload.endswith(" more)")
    assert len(payload) < 100


def test_an_answer_is_shown_as_it_is(capsysbinary):
    request, response = plain_responses()[0]
    mutated = EDGE_CASES["data_url_prefix"](response, request)
    assert main(["cases", "--show", "data_url_prefix", "--raw"]) == 0
    printed = capsysbinary.readouterr().out
    head, _, body = printed.partition(b"\r\n\r\n")
    assert body == mutated.body
    assert head.decode().split("\r\n") == ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in mutated.headers)]


def test_every_case_can_be_shown(cases):
    """That is: each applies to a plain response."""
    for name in EDGE_CASES:
        code, output, complaints = cases("--show", name)
        assert code == 0, complaints
        assert output.startswith("HTTP/1.1 ")


def test_what_a_terminal_would_act_on_is_escaped(cases, entered):
    odd = '\x1b[31m red, \u202eright to left, bell \a, \r\n{"café": "\U0001f98a"}\ufeff'.encode() + b"\xff\n"
    entered(lambda response: with_header(with_body(response, odd), "server", "a\x1b"))
    _, output, _ = cases("--show", "made_up")
    head, _, body = output.partition("\n\n")
    assert "\nserver: a\\x1b\n" in head
    assert body == '\\x1b[31m red, \\u202eright to left, bell \\x07, \\r\n{"café": "\U0001f98a"}\\ufeff\\xff\n'


@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [(504, "", "HTTP/1.1 504 Gateway Timeout"), (524, "", "HTTP/1.1 524 "), (200, "Fine", "HTTP/1.1 200 Fine")],
)
def test_the_status_line(cases, entered, status, reason, line):
    entered(lambda response: HTTPResponse(status, {}, b"", reason=reason))
    assert cases("--show", "made_up")[1] == f"{line}\n\n"


def test_a_case_that_applies_to_no_plain_response_says_to_what_it_does(cases, entered):
    entered(lambda response: response, lambda response: False)
    code, _, complaints = cases("--show", "made_up")
    assert code == 2
    assert complaints == "imgresponse cases: made_up applies to no plain response, but to: made-up answers\n"


@pytest.mark.parametrize("arguments", [["--json"], ["--show", "data_url_prefix", "--raw"]])
def test_a_reader_that_has_enough_is_left_alone(arguments):
    start = "import sys; from pytest_imgresponse.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "cases", *arguments]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=variables, text=True) as process:
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (0, "")


def test_a_closed_pipe_is_no_error(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["cases"]) == 0
        closed.write("what is written at the end goes nowhere")


# The plain responses


def test_plain_responses_are_plain():
    for request, response in plain_responses():
        assert check(response) == check(response, request) == []


def test_plain_responses_are_the_same_each_time_and_the_callers_own():
    once = plain_responses()
    assert once == plain_responses()
    once.clear()
    assert len(plain_responses()) == 6


def test_plain_responses_are_of_all_kinds():
    kinds = [
        (request.json()["model"], response.status, response.content_type) for request, response in plain_responses()
    ]
    assert kinds == [
        ("gpt-image-1.5", 200, "application/json"),
        ("gpt-image-1.5", 200, "application/json"),
        ("dall-e-3", 200, "application/json"),
        ("dall-e-2", 200, "application/json"),
        ("gpt-image-1.5", 400, "application/json"),
        ("gpt-image-1.5", 200, "text/event-stream"),
    ]
    one, two, linked, padded = (ImagesResponse.from_json(response.body) for _, response in plain_responses()[:4])
    assert [(image.format, image.open().size) for image in one.data] == [("png", (64, 64))]
    assert [(image.format, image.open().mode) for image in two.data] == [("webp", "RGBA")] * 2
    assert linked.data[0].url.startswith("https://")
    assert padded.data[0].b64_json.endswith("=")


def test_a_plain_error_names_the_request_of_its_header():
    error = plain_responses()[4][1]
    assert error.header("x-request-id") in error.json()["error"]["message"]


def test_a_plain_request_is_what_a_client_sends():
    for request, _ in plain_responses():
        assert isinstance(request, HTTPRequest)
        assert (request.method, request.header("content-type")) == ("POST", "application/json")
        assert request.header("authorization") is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which is always full, here")
def test_a_full_disk_is_told_and_no_traceback():
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [installed("imgresponse"), "cases", "--json"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert run.returncode == 2
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
