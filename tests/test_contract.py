"""`check_parser` within one process: the forms, the verdicts, the report, what is generated, the arguments."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import json
import pickle
import re

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from pytest_imgresponse import (
    EDGE_CASES,
    ConfigError,
    ContractError,
    HTTPResponse,
    ImagesResponse,
    ImgResponseError,
    check_parser,
    reproduce,
)
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.contract import paste_lines
from tests.conftest import slow
from tests.parsers import PLANTED, Parser, ParserError, StreamParser
from tests.reports import happened, report_of, settings_of

PLAIN = plain_responses()[0][1]
STREAM = plain_responses()[5][1]
RIGHT = Parser()
VALID, UNUSUAL, TOLERATED, INVALID = "c2pa_cabx", "data_url_prefix", "bom", "trailing_junk"


class Refused(Exception):
    """The parser's own."""


def accepts(body):
    return []


def refuses(body):
    raise Refused("no")


def fails(body):
    return body["data"]


def pictures(found):
    return [picture.data for picture in found]


# -- the forms --------------------------------------------------------------------------------------------------------


class Recording:
    """Parsers of every kind that keep what they were given."""

    def __init__(self):
        self.got = []

    def method(self, argument):
        self.got.append(argument)

    @classmethod
    def of_class(cls, argument):
        raise KeyError

    async def coroutine(self, argument):
        await asyncio.sleep(0)
        self.method(argument)

    def generator(self, argument):
        yield 1
        self.method(argument)

    async def async_generator(self, argument):
        yield 1
        await self.coroutine(argument)

    async def coroutine_of_an_iterator(self, argument):
        return map(self.method, [argument])

    async def coroutine_of_an_async_generator(self, argument):
        return self.async_generator(argument)

    def iterable(self, argument):
        recording = self

        class Lazy:
            def __iter__(self):
                return recording.generator(argument)

        return Lazy()

    def async_iterable(self, argument):
        recording = self

        class Lazy:
            def __aiter__(self):
                return recording.async_generator(argument)

        return Lazy()

    def callable(self):
        recording = self

        class Parses:
            def __call__(self, argument):
                recording.method(argument)

        return Parses()

    def async_callable(self):
        recording = self

        class Parses:
            async def __call__(self, argument):
                await recording.coroutine(argument)

        return Parses()

    def parsers(self):
        return {
            "method": self.method,
            "coroutine": self.coroutine,
            "generator": self.generator,
            "async_generator": self.async_generator,
            "coroutine_of_an_iterator": self.coroutine_of_an_iterator,
            "coroutine_of_an_async_generator": self.coroutine_of_an_async_generator,
            "iterable": self.iterable,
            "async_iterable": self.async_iterable,
            "lambda of an async generator": lambda argument: self.async_generator(argument),
            "object": self.callable(),
            "async object": self.async_callable(),
            "partial": functools.partial(self.method),
            "async partial": functools.partial(functools.partial(self.coroutine)),
            "lambda of a coroutine": lambda argument: self.coroutine(argument),
        }


KINDS = list(Recording().parsers())
NAMES = {
    "object": "tests.test_contract.Recording.callable.<locals>.Parses",
    "async object": "tests.test_contract.Recording.async_callable.<locals>.Parses",
    "partial": "tests.test_contract.Recording.method",
    "async partial": "tests.test_contract.Recording.coroutine",
    "lambda of a coroutine": "tests.test_contract.Recording.parsers.<locals>.<lambda>",
    "lambda of an async generator": "tests.test_contract.Recording.parsers.<locals>.<lambda>",
}


class TestForms:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_of_parser_is_run_to_its_end(self, kind):
        recording = Recording()
        report = report_of(recording.parsers()[kind], cases=[VALID])
        assert [json.loads(body)["created"] for body in recording.got] == [1_780_000_000]
        assert report.parser == NAMES.get(kind, f"tests.test_contract.Recording.{kind}")

    @pytest.mark.parametrize(
        "found",
        [[1], {"a": 1}, "text", b"bytes", io.BytesIO(b"a\nb"), ImagesResponse(created=1), None],
        ids=lambda it: type(it).__name__,
    )
    def test_what_is_there_already_is_left_alone(self, found):
        seen = []
        report = report_of(lambda body: found, cases=[VALID], pictures=lambda given: seen.append(given) or [])
        assert seen[0] is found
        assert "consume" not in report.rows[0].reproduce

    def test_pictures_get_the_items_of_what_iterates_once_and_else_the_object(self):
        recording, seen = Recording(), []
        for kind in ("generator", "async_generator", "iterable", "async_iterable"):
            report_of(recording.parsers()[kind], cases=[VALID], pictures=lambda given: seen.append(given) or [])
        assert seen[:2] == [[1], [1]]
        assert [type(given).__name__ for given in seen[2:]] == ["Lazy", "Lazy"]

    def test_what_is_written_in_c_has_a_name_too(self):
        assert report_of(bytes.decode, cases=[VALID]).parser == "builtins.bytes.decode"

    def test_the_order_of_a_set_does_not_depend_on_hashes(self):
        names = {"usage_list", "answer_null", "data_null", "status_201", "size_list", "url_object"}
        found = report_of(lambda body, *, fails=KeyError: fails.missing, cases=names)
        assert [row.trial.name for row in found.rows] == sorted(names)

    @pytest.mark.parametrize("given", ["bytes", "dict", "response"])
    def test_it_gets_what_it_takes(self, given):
        recording = Recording()
        report_of(recording.method, cases=["status_201"], given=given)
        mutated = EDGE_CASES["status_201"](PLAIN)
        assert recording.got == [{"bytes": mutated.body, "dict": json.loads(mutated.body), "response": mutated}[given]]

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.asyncio
    async def test_in_a_test_that_is_async_itself(self, kind):
        recording = Recording()
        report_of(recording.parsers()[kind], cases=[VALID])
        assert len(recording.got) == 1

    @pytest.mark.asyncio
    async def test_a_parser_that_runs_a_loop_of_its_own_does_so_in_an_async_test_too(self):
        recording = Recording()
        assert not happened(lambda body: asyncio.run(recording.coroutine(body)), VALID)
        assert len(recording.got) == 1

    def test_whether_a_body_is_an_error_only_a_parser_of_responses_can_know(self):
        cases = ("moderation_blocked", "html_gateway_page_504")
        assert happened(accepts, *cases, given="response") == {"html_gateway_page_504": "accepted it silently (body)"}
        found = report_of(accepts, cases=cases).rows
        assert [(row.trial.name, row.trial.verdict, row.trial.level) for row in found] == [
            ("moderation_blocked", "invalid", "schema"),
            ("html_gateway_page_504", "invalid", "http"),
        ]
        assert "; of this a parser sees $.error: an object with the keys" in found[0].trial.reason

    def test_a_case_that_cannot_be_tried_is_told_before_anything_is(self):
        recording = Recording()
        with pytest.raises(ConfigError, match="the case 'comment_after_id' cannot be tried with given='bytes'"):
            report_of(recording.method, cases=[VALID, "comment_after_id"])
        assert recording.got == []

    def test_what_is_no_json_is_not_given_as_a_dict(self):
        told = "the case 'trailing_junk' cannot be tried with given='dict': it leaves no JSON to give; try it with given='bytes'"
        with pytest.raises(ConfigError, match=told):
            report_of(accepts, cases=[INVALID], given="dict")

    def test_every_edge_case_is_tried_in_one_form_or_the_other(self):
        names = set()

        def watching(given, from_response=None):
            report = report_of(fails, given=given, from_response=from_response)
            names.update(row.trial.name for row in report.rows)

        watching("bytes")
        watching("response")
        watching("bytes", STREAM)
        # What was asked for, a stream or none, only a client can know.
        assert set(EDGE_CASES) - names == {"json_instead_of_sse", "sse_instead_of_json"}


# -- the verdicts -----------------------------------------------------------------------------------------------------


class TestVerdicts:
    def test_what_is_valid_or_unusual_must_be_accepted(self):
        assert happened(refuses, VALID, UNUSUAL, TOLERATED, INVALID, rejects_with=Refused) == {
            VALID: "refused it with Refused: no",
            UNUSUAL: "refused it with Refused: no",
        }

    def test_what_is_invalid_must_not_be_accepted(self):
        assert happened(accepts, VALID, UNUSUAL, TOLERATED, INVALID) == {INVALID: "accepted it silently ($)"}

    def test_only_what_rejects_with_names_is_a_refusal(self):
        line = fails.__code__.co_firstlineno + 1
        assert set(happened(fails, VALID, UNUSUAL, TOLERATED, INVALID, rejects_with=Refused).values()) == {
            f"raised TypeError: byte indices must be integers or slices, not str at test_contract.py:{line}"
        }
        assert not happened(fails, TOLERATED, INVALID, rejects_with=(Refused, TypeError))

    @pytest.mark.parametrize(
        ("case", "given"),
        [
            ("moderation_blocked", "response"),
            ("created_only", "bytes"),
            ("url_only", "bytes"),
            ("output_format_svg", "bytes"),
            ("bomb_180_megapixels", "bytes"),
            ("jpeg_12_bit", "bytes"),
            ("png_ztxt_over_1_mib", "bytes"),
        ],
    )
    def test_a_parser_may_insist_on_a_raster_picture_that_it_can_open(self, case, given):
        assert EDGE_CASES[case].verdict in ("valid", "unusual")
        assert not happened(refuses, case, given=given, rejects_with=Refused)
        assert "raised Refused: no" in happened(refuses, case, given=given)[case]

    @pytest.mark.parametrize("case", ["both_url_and_b64", "status_201", "png_16_bit"])
    def test_but_not_refuse_one_that_is_there(self, case):
        assert happened(refuses, case, given="response", rejects_with=Refused) == {case: "refused it with Refused: no"}

    def test_an_exit_is_an_error_as_any_other(self):
        def parse(body):
            raise SystemExit("usage: parse FILE")

        assert "raised SystemExit: usage: parse FILE" in happened(parse, VALID)[VALID]

    def test_ctrl_c_ends_the_run(self):
        def parse(body):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            check_parser(parse)

    def test_an_error_that_cannot_be_told_is_told_as_such(self):
        class Mute(Exception):
            def __str__(self):
                raise ValueError

        def parse(body):
            raise Mute

        assert "raised Mute: (its message cannot be read) at" in happened(parse, VALID)[VALID]

    def test_to_run_out_of_memory_is_no_refusal_even_for_who_refuses_with_anything(self):
        def parse(body):
            raise MemoryError

        assert happened(parse, INVALID, rejects_with=Exception) == {INVALID: "out of memory: MemoryError"}

    def test_an_error_of_a_library_is_told_with_the_line_that_called_it(self):
        def parse(body):
            return json.loads(body)

        line = parse.__code__.co_firstlineno + 1
        assert re.search(rf" at test_contract\.py:{line}, in decoder\.py:\d+$", happened(parse, INVALID)[INVALID])

    def test_a_long_message_is_cut_and_one_without_a_message_is_its_name(self):
        def long(body):
            raise ValueError("a\n " * 200)

        def short(body):
            raise ValueError

        assert f"ValueError: {'a ' * 80}…" in happened(long, VALID)[VALID]
        assert "raised ValueError at" in happened(short, VALID)[VALID]


ERROR = HTTPResponse(429, {"content-type": "application/json"}, b'{"error": {"message": "m", "type": "t"}}')


class TestFromResponse:
    """What the answers are mutated from must be accepted itself."""

    @pytest.mark.parametrize(
        ("body", "given"),
        [
            (b'{"created": 1, "data": [{"url": "https://a.example/b.png"}]}', "bytes"),
            (b'{"created": 1}', "dict"),
            (b'{"created": 1, "data": []}', "response"),
        ],
    )
    def test_nothing_excuses_that_it_is_refused(self, body, given):
        given_response = HTTPResponse(200, {"content-type": "application/json"}, body)
        report = report_of(refuses, from_response=given_response, given=given, rejects_with=Refused)
        assert [row.happened for row in report.rows if row.trial.name == "plain"] == ["refused it with Refused: no"]

    @pytest.mark.parametrize(
        ("response", "given", "told"),
        [
            (
                HTTPResponse(200, {}, b"hello"),
                "bytes",
                r"is invalid at the level json \(\$: no JSON: .*expected an answer in",
            ),
            (HTTPResponse(200, {}, b"import shop"), "response", "is invalid at the level "),
            (
                HTTPResponse(200, {}, b'{"error": {"message": "x"}}'),
                "bytes",
                r"is invalid at the level schema \(\$.error: ",
            ),
            (HTTPResponse(200, {}, b"hello"), "dict", "cannot be parsed with given='dict': its body has to be JSON"),
            (ERROR, "bytes", r"is an error \(status 429\), which given='bytes' does not show; .* or given='response'"),
            (ERROR, "dict", r"is an error \(status 429\), which given='dict' does not show"),
        ],
    )
    def test_one_that_no_parser_has_to_accept_is_refused_with_what_is_wrong(self, response, given, told):
        for cases in (None, [VALID]):
            with pytest.raises(ConfigError, match=f"from_response {told}"):
                check_parser(accepts, from_response=response, given=given, cases=cases)

    def test_an_error_may_be_refused_where_its_status_is_seen(self):
        def parse(response):
            raise Refused(response.status)

        report = report_of(parse, from_response=ERROR, given="response", rejects_with=Refused)
        assert (report.rows, report.accepted) == ([], 0)
        assert report.tried > 3

    def test_a_parser_that_accepts_nothing_breaks_the_contract_though_each_refusal_is_allowed(self):
        tolerated = HTTPResponse(200, {"content-type": "application/json"}, b"\xef\xbb\xbf" + PLAIN.body)
        report = report_of(refuses, from_response=tolerated, rejects_with=Refused)
        [row] = [row for row in report.rows if row.trial.verdict == "tolerated"]
        assert row.trial.name == "plain"
        assert re.fullmatch(
            r"accepted none of \d+ answers that are not invalid: refused it with Refused: no", row.happened
        )
        assert report.accepted == 0
        assert not report_of(refuses, cases=[TOLERATED, INVALID], rejects_with=Refused).rows

    def test_how_many_were_accepted_is_told(self):
        report = report_of(lambda body: body == EDGE_CASES[INVALID](PLAIN).body, cases=[VALID, INVALID])
        assert (report.tried, report.accepted) == (2, 2)
        assert "2 plain answers and edge cases, of which it accepted 2;" in str(report)


class TestPictures:
    """What `pictures` gives must be what the answer holds."""

    def test_a_right_parser_loses_nothing(self):
        report = report_of(RIGHT.parse, pictures=pictures, rejects_with=ParserError)
        assert (str(report).splitlines()[0], report.rows) == (
            "tests.parsers.Parser.parse keeps the contract of a parser",
            [],
        )

    def test_a_picture_that_is_lost_or_another_is_told(self):
        cases = ("sizes_differ_within_response", "c2pa_cabx", "png_gray", "created_only", "url_only", "half_png")

        def only_first(found):
            return pictures(found)[:1]

        def drawn_anew(found):
            return [data + b"!" for data in pictures(found)]

        options = {"rejects_with": ParserError, "from_response": plain_responses()[1][1]}
        assert happened(RIGHT.parse, *cases[:1], pictures=only_first, **options) == {
            "sizes_differ_within_response": "accepted it with 1 of its 2 pictures"
        }
        assert happened(RIGHT.parse, *cases[1:], pictures=drawn_anew, rejects_with=ParserError) == {
            "c2pa_cabx": "accepted it with another picture than its own",
            "png_gray": "accepted it with another picture than its own",
        }

    def test_those_behind_a_url_are_not_compared(self):
        assert not happened(accepts, "url_only", "both_url_and_b64", pictures=list)

    def test_those_of_what_is_tolerated_are_not_compared(self):
        assert not happened(accepts, "png_bad_idat_crc", pictures=list)

    def test_of_a_stream_the_completed_ones_count(self):
        parse = StreamParser().parse_stream
        assert not happened(
            parse, "comment_after_id", pictures=pictures, rejects_with=ParserError, from_response=STREAM
        )
        assert happened(accepts, "comment_after_id", pictures=list, from_response=STREAM) == {
            "comment_after_id": "accepted it with 0 of its 1 pictures"
        }

    def test_of_an_event_of_another_kind_nothing_is_said(self):
        last = STREAM.body[STREAM.body.rindex(b"event:") :]
        told = HTTPResponse(200, STREAM.headers, last.replace(b".completed", b".done") + STREAM.body)
        report = report_of(accepts, from_response=told, pictures=list)
        assert not [row for row in report.rows if "pictures" in row.happened]

    def test_what_pictures_raises_is_told_as_such(self):
        def cannot(found):
            return found["pictures"]

        text = happened(accepts, VALID, pictures=cannot)[VALID]
        assert text.startswith("accepted it, and pictures(…) raised TypeError: list indices must be integers")
        assert text.endswith(f" at test_contract.py:{cannot.__code__.co_firstlineno + 1}")


# -- the report -------------------------------------------------------------------------------------------------------

REPORT = """\
tests.test_contract.refuses breaks the contract of a parser in 1 way
  tried: 4 plain answers and edge cases, of which it accepted 0; 0 generated answers (given='bytes')
  slowest: SLOWEST ms
  excepted: c2pa_cabx (not ours)
  except_for names bom, which holds: take it out

  case        level   verdict    what happened
  ----------  ------  ---------  -------------
  usage_huge  schema  unusual    refused it with Refused: no (and 1 more)

  The smallest test case of each, and the line that shows it again, after

    from pytest_imgresponse.reproduce import EDGE_CASES, plain_responses
    from tests.test_contract import refuses as parse

  usage_huge: The output tokens are more than a double holds exactly: 2**53 + 1 (seen: RFC 8259, section 6 (integers are
    exact up to 2**53))
    200 application/json: { "created": 1780000000, "background": "opaque", "data": [ { "b64_json":
      "iVBORw0KGgoAAAANSUhEUgAA…" } ], "output_format": "png", "quality": "low", "size": "64x64", "usage": {
      "input_tokens": 12, "input_tokens_details": { "image_tokens": 0,… (736 bytes)
    parse(EDGE_CASES["usage_huge"](plain_responses()[0][1]).body)
    and 1 more: data_url_prefix"""


class TestReport:
    def test_all_that_fails_is_told_together(self):
        cases = [VALID, TOLERATED, UNUSUAL, "usage_huge"]
        excepted = {VALID: "not ours", TOLERATED: "nor this"}
        with pytest.raises(ContractError) as caught:
            check_parser(refuses, cases=cases, rejects_with=Refused, except_for=excepted)
        text = re.sub(r"slowest: \S+, \d+ ms", "slowest: SLOWEST ms", str(caught.value))
        assert text == REPORT

    def test_its_lines_fit_a_terminal_but_for_those_to_paste(self):
        def parse(body):
            raise Refused("a long story " * 12)

        def accepts_all(body):
            return None

        for report in (report_of(parse, rejects_with=Refused), report_of(accepts_all), report_of(parse)):
            pasted = [row.reproduce for row in report.rows] + report.preamble.splitlines()
            lines = [line for line in str(report).splitlines()[1:] if line.strip() not in pasted]
            # A word is never broken, and what a terminal would obey is longer when it is escaped.
            assert max(len(line) for line in lines if max(map(len, line.split() or [""])) < 80) <= 126
        table, details = str(report).split("\n\n  The smallest")
        assert table.count("a long story") < 6
        assert table.count("…") == 1
        assert (
            details.replace("\n      ", " ").count(f"raised Refused: {'a long story ' * 12}at test_contract.py:") == 1
        )

    def test_a_broken_contract_fails_a_test_and_is_an_error_of_this_package(self):
        with pytest.raises(AssertionError) as caught:
            check_parser(accepts, cases=[INVALID])
        assert isinstance(caught.value, ImgResponseError)
        assert str(caught.value) == str(caught.value.report)
        assert str(caught.value).startswith("tests.test_contract.accepts breaks the contract of a parser in 1 way\n")

    def test_pytest_shows_the_report_and_no_line_of_this_package(self, pytester):
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
        pytester.makepyfile(
            """
            from pytest_imgresponse import check_parser

            def test_parse():
                check_parser(lambda body: None, cases=["trailing_junk"])
            """
        )
        result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["E *ContractError: *breaks the contract*", "E *trailing_junk  json*accepted it silently*"]
        )
        result.stdout.no_fnmatch_line("*raise ContractError*")

    def test_it_says_what_time_the_slowest_took(self):
        def parse(body):
            if b"data:image" in body:
                asyncio.run(asyncio.sleep(0.05))

        name, seconds = report_of(parse, cases=[VALID, UNUSUAL, TOLERATED]).slowest
        assert (name, 0.05 < seconds < 5) == (UNUSUAL, True)

    def test_exceptions_that_are_not_needed_are_told(self):
        excepted = {UNUSUAL: "it holds", VALID: "so does this", "comment_after_id": "of streams", INVALID: "a bug"}
        report = report_of(accepts, except_for=excepted, cases=None)
        assert report.excepted == {INVALID: "a bug"}
        assert report.unneeded == {UNUSUAL: "holds", VALID: "holds", "comment_after_id": "is not tried here"}
        assert "  except_for names comment_after_id, which is not tried here: take it out" in str(report).splitlines()
        assert report_of(accepts, except_for=excepted, cases=[VALID]).unneeded == {VALID: "holds"}

    def test_what_was_not_tried_is_told_with_why(self):
        whys = {
            "bytes": {
                "needs a stream",
                "needs an error answer",
                "swaps a stream and a document, and only a client knows what it asked for",
            },
            "dict": {"needs a stream", "needs an error answer", "leaves no JSON to give"},
            "response": {"needs a stream", "swaps a stream and a document, and only a client knows what it asked for"},
        }
        for given, expected in whys.items():
            report = report_of(accepts, given=given)
            assert set(report.not_tried.values()) >= expected
            plain = {"bytes": 4, "dict": 4, "response": 5}[given]
            assert report.tried - plain + len(report.not_tried) == len(EDGE_CASES)
            assert report.as_json()["not_tried"] == report.not_tried
            assert f"\n  {len(report.not_tried)} not tried: needs a stream (3" in str(report)
        completed = HTTPResponse(200, STREAM.headers, STREAM.body[STREAM.body.rindex(b"event:") :])
        report = report_of(accepts, from_response=completed)
        assert report.not_tried["usage_fractional"] == "needs an answer that is no stream"
        assert report.not_tried["completed_only"] == "needs a stream with a partial picture and a completed event"
        report = report_of(accepts, from_response=PLAIN)
        text = str(report).replace("\n    ", " ")
        assert re.search(r"\n  \d+ not tried: needs a stream \(\d+\), .* \(\d+\), .* \(\d+\), others \(\d+\)\n", text)
        assert report.not_tried["more_images_than_n"] == "departs from what was asked for, which is not known"

    def test_what_has_one_cause_is_one_way_with_all_its_cases_named(self):
        def parse(body):
            answer = json.loads(body)
            return [base64.b64decode(image["b64_json"]) for image in answer["data"]]

        report = report_of(parse, rejects_with=ValueError)
        text, found = str(report), report.as_json()
        assert 2 * len(report.ways) < len(report.rows)
        assert f"in {len(report.ways)} ways\n" in text
        for row in report.rows:
            assert re.search(rf"\b{row.trial.name}\b", text)
        for number, rows in enumerate(report.ways, 1):
            assert {(row.outcome.kind, row.outcome.where) for row in rows} == {
                (rows[0].outcome.kind, rows[0].outcome.where)
            }
            assert min(rows, key=lambda row: len(row.trial.response.body)) is rows[0]
            assert [row["case"] for row in found["findings"] if row["way"] == number] == [
                row.trial.name for row in report.rows if row in rows
            ]
            assert text.count(f"    {rows[0].reproduce}\n") == 1
        assert found["ways"] == len(report.ways)

    def test_it_goes_to_another_process_and_back(self):
        with pytest.raises(ContractError) as caught:
            check_parser(accepts, cases=[INVALID])
        there = pickle.loads(pickle.dumps(caught.value))
        assert (type(there), str(there), there.report.rows) == (
            ContractError,
            str(caught.value),
            caught.value.report.rows,
        )
        assert str(there.report) == str(caught.value.report)

    def test_what_a_terminal_would_obey_is_escaped(self):
        def parse(body):
            raise ValueError("\x1b[31mred\x07 \u202eback \ud800")

        text = str(report_of(parse, cases=["revised_prompt_nul", "number_of_5000_digits"]))
        assert "ValueError: \\x1b[31mred\\x07 \\u202eback \\ud800 at" in text
        assert all(letter.isprintable() for letter in text.replace("\n", ""))

    def test_for_machines_it_is_json(self):
        found = json.loads(json.dumps(report_of(refuses, cases=[UNUSUAL, TOLERATED], rejects_with=Refused).as_json()))
        [row] = found.pop("findings")
        seconds = found.pop("slowest")["seconds"]
        assert 0 <= seconds < 1
        assert found == {
            "parser": "tests.test_contract.refuses",
            "given": "bytes",
            "tried": 2,
            "accepted": 0,
            "generated": 0,
            "excepted": {},
            "unneeded": {},
            "not_tried": {},
            "stopped": "",
            "ways": 1,
            "preamble": "from pytest_imgresponse.reproduce import EDGE_CASES, plain_responses\n"
            "from tests.test_contract import refuses as parse",
        }
        assert base64.b64decode(row.pop("body")) == EDGE_CASES[UNUSUAL](PLAIN).body
        assert 0 <= row.pop("seconds") < 1
        assert row == {
            "way": 1,
            "case": UNUSUAL,
            "level": "base64",
            "verdict": "unusual",
            "happened": "refused it with Refused: no",
            "reason": EDGE_CASES[UNUSUAL].reason,
            "seen": EDGE_CASES[UNUSUAL].seen,
            "reproduce": f'parse(EDGE_CASES["{UNUSUAL}"](plain_responses()[0][1]).body)',
            "status": 200,
            "headers": [["content-type", "application/json"]],
            "pictures": {},
        }


def parse_body(body):
    if len(body) % 2:
        raise KeyError(len(body))


def parse_dict(answer):
    if len(str(answer)) % 2:
        raise KeyError(len(str(answer)))


def parse_response(response):
    if (response.status + len(response.body)) % 2:
        raise KeyError(response.status, len(response.body), response.header("content-type"))


async def parse_later(body):
    await asyncio.sleep(0)
    parse_body(body)


def parse_bit_by_bit(body):
    yield 1
    parse_body(body)


class TestLinesToPaste:
    """Executed after their preamble, they do to the parser what the report says."""

    @pytest.mark.parametrize("source", ["plain answers", "from_response"])
    @pytest.mark.parametrize(
        ("parse", "given"),
        [
            (parse_body, "bytes"),
            (parse_dict, "dict"),
            (parse_response, "response"),
            (parse_later, "bytes"),
            (parse_bit_by_bit, "bytes"),
        ],
    )
    def test_each_shows_the_same_again(self, parse, given, source):
        from_response = plain_responses()[1][1] if source == "from_response" else None
        report = report_of(parse, given=given, from_response=from_response)
        rows = {row.trial.name: row for row in report.rows}
        assert sum(row.outcome.kind == "raised" for row in rows.values()) > 50
        for row in rows.values():
            if row.outcome.kind == "raised":
                assert raised_by(row.reproduce, report.preamble, parse, from_response) == row.outcome.error

    def test_they_import_public_names_alone(self):
        """All that they can import is what the module for it has, which explains each name."""
        assert list(paste_lines.NAMES) == reproduce.__all__
        assert all(re.search(rf"`{name}\b", reproduce.__doc__) for name in reproduce.__all__)

    def test_what_the_preamble_cannot_import_it_names(self):
        def parse(body):
            raise KeyError

        told = {
            parse: r"# parse: your <function .*parse at 0x[0-9a-f]+>",
            RIGHT.parse: r"# parse: your <bound method .*>",
            functools.partial(fails): r"# parse: your functools.partial\(.*\)",
            refuses: "from tests.test_contract import refuses as parse",
            Recording.of_class: "from tests.test_contract import Recording\nparse = Recording.of_class",
        }
        for parser, line in told.items():
            report = report_of(parser, cases=[INVALID])
            assert re.search(rf"\n{line}$", report.preamble)

    @pytest.mark.slow
    @pytest.mark.parametrize("given", ["bytes", "dict", "response"])
    def test_what_was_generated_is_packed_into_its_line(self, given):
        def parse(argument):
            body = json.dumps(argument).encode() if given == "dict" else getattr(argument, "body", argument)
            RIGHT.parse(body)
            if b"quality" not in body:
                raise KeyError(len(body))

        with settings_of(derandomize=True):
            report = report_of(
                parse,
                given=given,
                max_examples=1000,
                cases=["c2pa_cabx"],
                from_response=PLAIN,
                rejects_with=ParserError,
            )
        [row] = [row for row in report.rows if row.outcome.kind == "raised"]
        assert row.trial.name == "generated"
        assert report.preamble.startswith("import base64, json, zlib" if given == "dict" else "import base64, zlib")
        assert raised_by(row.reproduce, report.preamble, parse) == row.outcome.error

    def test_with_the_case_it_shows_the_same_for_what_was_asked(self):
        report = report_of(fails, cases=["more_images_than_n"])
        assert report.rows[0].reproduce == (
            'parse(EDGE_CASES["more_images_than_n"](plain_responses()[0][1], plain_responses()[0][0]).body)'
        )
        assert raised_by(report.rows[0].reproduce, report.preamble, fails) == report.rows[0].outcome.error


def raised_by(line, preamble, parse, from_response=None):
    names = {"parse": parse, "from_response": from_response}
    exec(preamble, names)
    try:
        exec(line, names)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return None


# -- what is generated ------------------------------------------------------------------------------------------------


FIELDS = ("background", "output_format", "quality", "size")


def needing(*names, error="No_{}"):
    """A right parser, but that it takes these fields to be there."""

    def parse(body):
        found = RIGHT.parse(body)
        for name in names:
            if name not in json.loads(body):
                raise type(error.format(name), (Exception,), {})
        return found

    return parse


class TestGenerated:
    def test_a_bug_that_no_case_shows_is_found_and_shrunk(self):
        options = {"from_response": PLAIN, "rejects_with": ParserError, "max_examples": 500, "cases": [VALID]}
        with settings_of(derandomize=True):
            report = report_of(needing(*FIELDS, error="Missing"), **options)
        [row] = report.rows
        assert (row.trial.name, row.trial.verdict, row.trial.level) == ("generated", "valid", None)
        assert "raised Missing at test_contract.py" in row.happened
        answer = json.loads(PLAIN.body)
        [missing] = set(answer) - set(json.loads(row.trial.response.body))
        del answer[missing]
        assert json.loads(row.trial.response.body) == answer
        assert report.generated > report.tried == 1

    def test_each_way_is_told_once_and_five_at_the_most(self):
        parse = needing(*FIELDS, "usage", "created", "data")
        options = {"from_response": PLAIN, "rejects_with": ParserError, "max_examples": 500, "cases": [VALID]}
        with settings_of(derandomize=True):
            report = report_of(parse, **options)
        assert len({row.happened for row in report.rows}) == len(report.rows) == 5

    def test_what_the_cases_have_shown_is_not_told_again(self):
        def parse(body):
            raise KeyError("always")

        assert {row.trial.name for row in report_of(parse, max_examples=20).rows} >= {"plain", VALID}
        assert not [row for row in report_of(parse, max_examples=20).rows if row.trial.name == "generated"]

    def test_nor_what_is_excepted(self):
        def parse(body):
            found = RIGHT.parse(body)
            if "usage" not in json.loads(body):
                raise KeyError("usage")
            return found

        names = [
            row.trial.name for row in report_of(parse, rejects_with=ParserError).rows if "plain" not in row.trial.name
        ]
        report = report_of(
            parse,
            rejects_with=ParserError,
            max_examples=200,
            except_for=dict.fromkeys(names, "known"),
            from_response=PLAIN,
        )
        assert report.rows == []
        assert set(report.excepted) <= set(names)

    @pytest.mark.slow
    def test_but_an_excepted_case_excuses_no_other_bug_that_the_same_line_raises(self):
        def refuse(why):
            raise Refused(why)

        def parse(body):
            if b"data:image" in body:
                refuse("a data url")
            found = RIGHT.parse(body)
            if "usage" not in json.loads(body):
                refuse("no usage")
            return found

        options = {"cases": [UNUSUAL], "except_for": {UNUSUAL: "known"}, "from_response": PLAIN, "max_examples": 600}
        with settings_of(derandomize=True):
            report = report_of(parse, rejects_with=(Refused, ParserError), **options)
        assert [row.happened for row in report.rows] == ["refused it with Refused: no usage"]
        assert report.excepted == {UNUSUAL: "known"}

    def test_the_bugs_behind_one_error_of_the_parsers_own_are_told_apart(self):
        def wrapped(body):
            try:
                RIGHT.parse(body)
                if b"data:image" in body:
                    raise ValueError("a data url")
                json.loads(body)["usage"]["total_tokens"]
            except Exception as error:
                try:
                    raise KeyError("on the way")
                except KeyError:
                    raise Refused(f"bad answer: {error!r}") from error

        try:
            raise OSError("around the call")
        except OSError:
            report = report_of(wrapped, rejects_with=Refused, cases=[UNUSUAL, "usage_null", "usage_absent"])
        assert [[row.happened for row in rows] for rows in report.ways] == [
            ["refused it with Refused: bad answer: ValueError('a data url')"],
            ["""refused it with Refused: bad answer: TypeError("'NoneType' object is not subscriptable")"""],
            ["refused it with Refused: bad answer: KeyError('usage')"],
        ]

    def test_a_cause_that_was_never_raised_and_one_that_is_its_own_are_no_matter(self):
        def never_raised(body):
            raise Refused("no") from ValueError("never raised")

        def in_a_circle(body):
            error, other = Refused("no"), KeyError("other")
            error.__cause__, other.__cause__ = other, error
            raise error

        for parse in (never_raised, in_a_circle):
            [row] = report_of(parse, rejects_with=Refused, cases=[UNUSUAL]).rows
            assert row.outcome.root == ""

    @pytest.mark.parametrize("most", [60, *slow(300)])
    def test_one_bug_that_loses_any_number_of_pictures_is_one_way(self, most):
        def only_first(found):
            return pictures(found)[:1]

        with settings_of(derandomize=True):
            report = report_of(RIGHT.parse, rejects_with=ParserError, pictures=only_first, max_examples=most)
        [rows] = report.ways
        assert {row.happened for row in rows} == {"accepted it with 1 of its 2 pictures"}
        assert "generated" not in {row.trial.name for row in rows}

    @pytest.mark.slow
    def test_and_one_that_only_what_is_generated_shows_is_shrunk(self):
        with settings_of(derandomize=True):
            report = report_of(
                RIGHT.parse,
                rejects_with=ParserError,
                pictures=lambda found: pictures(found)[:1],
                max_examples=300,
                cases=[VALID],
            )
        assert [row.happened for row in report.rows] == ["accepted it with 1 of its 2 pictures"]

    def test_it_is_generated_around_the_response_that_was_given(self):
        created = set()

        def parse(body):
            created.add(json.loads(body).get("created"))

        given = HTTPResponse(200, {"content-type": "application/json"}, b'{"created": 12345}')
        report_of(parse, from_response=given, max_examples=30, rejects_with=ValueError)
        assert 12345 in created
        assert 1_780_000_000 not in created

    def test_as_many_as_the_profile_of_hypothesis_says_but_none_for_named_cases(self):
        with settings_of(max_examples=7):
            assert report_of(RIGHT.parse, rejects_with=ParserError, max_examples=None).generated == 7
            assert report_of(RIGHT.parse, rejects_with=ParserError, max_examples=None, cases=[VALID]).generated == 0
        assert report_of(RIGHT.parse, rejects_with=ParserError, max_examples=3, cases=[VALID]).generated == 3
        assert report_of(RIGHT.parse, rejects_with=ParserError, max_examples=0).generated == 0

    def test_a_parser_that_fails_now_and_then_is_told_as_it_failed(self):
        calls = iter(range(10**6))

        def parse(body):
            if next(calls) % 7 == 5:
                raise ZeroDivisionError
            if next(calls) % 11 == 5:
                raise KeyError

        report = report_of(parse, cases=[VALID], max_examples=60)
        assert any("raised" in row.happened for row in report.rows)

    def test_within_a_test_of_hypothesis_it_is_refused_and_the_edge_cases_alone_are_fine(self):
        @settings(max_examples=2, database=None, deadline=None)
        @drawn(st.none())
        def inside(none):
            with pytest.raises(
                ConfigError, match=r"would generate 3 answers, which Hypothesis .* within @given; give max_"
            ):
                check_parser(accepts, max_examples=3)
            with pytest.raises(ConfigError, match="max_examples=0"):
                check_parser(RIGHT.parse, rejects_with=ParserError)
            report = check_parser(RIGHT.parse, rejects_with=ParserError, cases=[VALID])
            assert (report.tried, report.generated) == (1, 0)
            assert check_parser(RIGHT.parse, rejects_with=ParserError, max_examples=0).generated == 0

        inside()

    def test_nothing_that_is_drawn_is_printed_or_warned_of(self, capfd, recwarn):
        def parse(body):
            if len(body) > 1_000_000:
                raise KeyError

        report_of(parse, max_examples=50)
        assert capfd.readouterr() == ("", "")
        assert not [warning for warning in recwarn if "repr" in str(warning.message)]


# -- the arguments ----------------------------------------------------------------------------------------------------


BAD = {
    "parse": (None, "expected parse to be a function, a coroutine function or a generator function; got None"),
    "given": ("text", "expected given to be one of bytes, dict, response, http; got 'text'"),
    "rejects_with": (ValueError("no"), r"exception class or a tuple of them; got ValueError\('no'\)"),
    "pictures": ([], r"expected pictures to be a function of what parse returns; got \[\]"),
    "from_response": (b"{}", "expected from_response to be an HTTPResponse .*; got b'{}'"),
    "max_examples": (-1, "expected max_examples to be a whole number from 0; got -1"),
    "time_limit": (0, "expected time_limit to be seconds above 0, at most a day; got 0"),
    "memory_limit": (0, "expected memory_limit to be a whole number from 1; got 0"),
    "cases": ("bom", "expected cases to be a list of names of edge cases; got 'bom'"),
    "except_for": (["bom"], r"expected except_for to map names of edge cases to reasons; got \['bom'\]"),
}
MORE = [
    ("parse", lambda body, strict: None, r"given='bytes' calls parse\(body\); .*<lambda> takes \(body, strict\)$"),
    (
        "parse",
        lambda: 1,
        r"given='bytes' calls parse\(body\); .*<lambda> takes \(\); if it asks for its answer itself, that is given=.http. \(--given http\)$",
    ),
    (
        "parse",
        Parser.parse,
        r"given='bytes' calls parse\(body\); tests.parsers.Parser.parse takes \(self, body.*; it is a method: give that "
        r"of an object, such as Shop\(\).parse; on the command line that of an instance in the module, such as shop:shop.parse$",
    ),
    (
        "ignore_hosts",
        ["a"],
        r"ignore_hosts .--ignore-host. goes with given='http', whose client asks hosts; got \['a'\]",
    ),
    ("rejects_with", (ValueError, "KeyError"), "exception class or a tuple of them; got 'KeyError'"),
    ("rejects_with", [ValueError], r"exception class or a tuple of them; got \[<class 'ValueError'>\]"),
    ("max_examples", 1.5, "whole number from 0; got 1.5"),
    ("max_examples", True, "whole number from 0; got True"),
    ("time_limit", float("nan"), "got nan"),
    ("time_limit", float("inf"), "got inf"),
    ("time_limit", "10", "got '10'"),
    ("time_limit", True, "got True"),
    ("memory_limit", 0.5, "got 0.5"),
    ("cases", [], r"got \[\]"),
    ("cases", ["no_such"], "cases names 'no_such', which is no edge case; `imgresponse cases` lists their names"),
    ("cases", ["trailing_jnuk"], r"which is no edge case; did you mean trailing_junk or "),
    (
        "cases",
        ["plain"],
        "cases names 'plain', which is no edge case but a plain answer: they are tried where no cases",
    ),
    ("cases", ["generated"], r"names 'generated', which is no .* draws: max_examples \(--max-examples\) says how many"),
    ("except_for", {"no_such": "why"}, "except_for names 'no_such', which is no edge case"),
    ("except_for", {"bom": " "}, "except_for gives no reason for 'bom': expected a sentence, got ' '"),
    ("except_for", {"bom": None}, "except_for gives no reason for 'bom': expected a sentence, got None"),
    (
        "cases",
        ["comment_after_id"],
        r"cannot be tried with given='bytes': it needs a stream; try it with such a response as from_response",
    ),
]


class TestArguments:
    @pytest.mark.parametrize(("name", "value", "message"), [*((name, *bad) for name, bad in BAD.items()), *MORE])
    def test_a_wrong_one_is_refused_with_its_value_and_what_was_expected(self, name, value, message):
        options = {"parse": accepts, name: value}
        with pytest.raises(ConfigError, match=message):
            check_parser(options.pop("parse"), **options)

    def test_that_nothing_can_be_tried_is_no_success(self):
        with pytest.raises(ConfigError, match="from_response cannot be parsed with given='dict': its body has to be"):
            check_parser(accepts, given="dict", from_response=STREAM)


# -- a right parser, and wrong ones -----------------------------------------------------------------------------------


class TestRightParser:
    """No false alarm: `tests.parsers.Parser` was written from the standards, without this package."""

    @pytest.mark.parametrize(
        ("form", "most"),
        [("bytes", 50), ("response", 50), ("dict", 50), ("stream", 50), *slow(("bytes", 300), ("stream", 300))],
    )
    def test_it_keeps_the_contract(self, form, most):
        forms = {
            "bytes": (RIGHT.parse, {}),
            "response": (lambda response: RIGHT.parse(response.body), {"given": "response"}),
            "dict": (lambda answer: RIGHT.parse(json.dumps(answer).encode()), {"given": "dict"}),
            "stream": (RIGHT.parse_stream, {"from_response": STREAM}),
        }
        parse, options = forms[form]
        report = check_parser(parse, rejects_with=ParserError, pictures=pictures, max_examples=most, **options)
        assert (report.rows, report.unneeded) == ([], {})


STREAMED = [bug for bug in PLANTED if issubclass(bug, StreamParser)]  # each takes a second


@pytest.mark.parametrize(
    "bug",
    [*(bug for bug in PLANTED if bug not in STREAMED), STREAMED[0], *slow(*STREAMED[1:])],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_found_in_one_run(bug):
    streams = issubclass(bug, StreamParser)
    parser = bug()
    with pytest.raises(ContractError):
        check_parser(
            parser.parse_stream if streams else parser.parse,
            rejects_with=ParserError,
            pictures=pictures,
            max_examples=0,  # the edge cases alone find it
            from_response=STREAM if streams else None,
        )


class TestTraps:
    def test_what_is_lazy_is_run(self):
        """A parser may return an iterator that has parsed nothing yet."""
        assert happened(lambda body: map(accepts, fails(body)), "trailing_junk")
        assert happened(lambda body: map(fails, [body]), "trailing_junk")["trailing_junk"].startswith("raised")

    def test_the_event_loop_of_the_suite_stays(self):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:

            async def parse(body):
                return None

            check_parser(parse, cases=["c2pa_cabx"], max_examples=0)
            assert asyncio.get_event_loop() is loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def test_a_message_that_ends_the_program_is_told_all_the_same(self):
        class Wild(Exception):
            def __str__(self):
                raise SystemExit(3)

        def parse(body):
            raise Wild

        assert "its message cannot be read" in happened(parse, "trailing_junk")["trailing_junk"]

    def test_a_name_that_cannot_be_one_is_refused(self):
        with pytest.raises(ConfigError, match=r"cases names \['x'\], which is no edge case"):
            check_parser(accepts, cases=[["x"]])
