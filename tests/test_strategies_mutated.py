"""Mutated responses: every edge case is reached, bites where it says, and shrinks to itself on the plainest response."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st

from pytest_imgresponse.api.answers import Tokens
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.checks import check
from pytest_imgresponse.checks.finding import LEVELS, VERDICTS
from pytest_imgresponse.edge_cases import EDGE_CASES, EdgeCase, edge_case, table
from pytest_imgresponse.strategies import edge_cases, http_responses, mutated, variants
from pytest_imgresponse.strategies.choices import Choice
from pytest_imgresponse.strategies.originals import mutate

quick = settings(database=None, max_examples=200, deadline=None, phases=[Phase.generate])
EVENTS = "text/event-stream"


def full(chosen):
    return chosen._replace(tokens=chosen.tokens._replace(drawn=chosen.drawn_tokens)).http()


GPT = Choice(Parameters(model="gpt-image-1"))
APART = Tokens(told_apart=True)
FULL = [
    full(GPT),
    full(GPT.with_parameters(output_format="webp", size="1536x1024")._replace(tokens=APART)),
    full(GPT.with_parameters(output_format="jpeg", size="1024x1536")),
    full(GPT.with_parameters(background="transparent")),
]


def plainest(strategy, condition=lambda drawn: True):
    return find(strategy, condition, settings=settings(database=None, max_examples=1000, derandomize=True))


def draws(strategy, number=200):
    found = []

    @settings(quick, max_examples=number, derandomize=True)
    @given(strategy)
    def collect(drawn):
        found.append(drawn)

    collect()
    return found


def test_each_edge_case_is_drawn_within_500():
    assert {drawn.case.name for drawn in draws(edge_cases(), 500)} == set(EDGE_CASES)


@quick
@given(edge_cases())
def test_what_is_mutated_is_judged_as_its_case_says(drawn):
    case, request, response, mutated = drawn
    assert mutated == case(response, request) != response
    assert check(response, request) == []
    invalid = [finding.level for finding in check(mutated, request) if finding.verdict == "invalid"]
    assert invalid[:1] == [case.level] * (case.verdict == "invalid")


def test_an_edge_case_comes_first_on_a_full_answer_and_then_on_others():
    first, *others = draws(edge_cases(cases=["data_url_prefix"]), 60)
    assert (first, first.original) == (plainest(edge_cases(cases=["data_url_prefix"])), FULL[3])
    kinds = {(drawn.request.json()["model"], drawn.request.json().get("output_format")) for drawn in others}
    assert len(kinds) > 4
    assert {len(drawn.original.json()["data"]) for drawn in others} == {1, 2, 3, 4}


def test_edge_cases_shrink_to_the_first_on_a_full_answer():
    shrunk = plainest(edge_cases())
    assert shrunk.case is next(iter(EDGE_CASES.values()))
    assert shrunk.original in FULL


def test_a_hundred_examples_are_mutated_from_all_full_answers_alike():
    """What a parser does to one field that some answers lack does not hide what it does to the cases."""
    found = [drawn.original for drawn in draws(edge_cases(), 100)]
    assert all(found.count(full) >= 8 for full in FULL)
    assert sum(map(found.count, FULL)) > 80


def test_what_fails_for_some_kinds_of_responses_shrinks_to_the_plainest_of_those():
    gif = plainest(edge_cases(levels=["base64"]), lambda drawn: b'"gif"' in drawn.original.body)
    assert gif.case is next(case for case in EDGE_CASES.values() if case.level == "base64")
    assert gif.original.json()["created"] == 1_700_000_000


def test_a_mutated_response_is_shown_short():
    mutated = plainest(edge_cases(cases=["data_url_prefix"]))
    assert repr(mutated).startswith("<data_url_prefix (unusual, base64) of application/json: b'{")
    assert len(repr(mutated)) < 500

    @settings(database=None, max_examples=1, phases=[Phase.generate])
    @given(st.just(mutated))
    def fails(drawn):
        raise AssertionError

    with pytest.raises(AssertionError) as raised:
        fails()
    assert repr(mutated) in "".join(raised.value.__notes__)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("verdict", ["unusual", "invalid"])
def test_the_table_can_be_narrowed(verdict, level):
    wanted = {case.name for case in EDGE_CASES.values() if case.verdict == verdict and case.level == level}
    assert {drawn.case.name for drawn in draws(edge_cases(verdicts=[verdict], levels=[level]))} == wanted


def test_an_edge_case_that_is_not_in_the_table():
    own = EdgeCase("own", "unusual", "json", "Odd", "run", "any", False, lambda *_: True, lambda it, _: it)
    (first, *_) = draws(edge_cases(cases=[own, "data_url_prefix"]), 5)
    assert first.case is own
    assert first.response == first.original


def test_two_edge_cases_described_in_the_same_words_are_two():
    words = ("own", "unusual", "http", "Odd", "run", "any", False, lambda *_: True)
    found = {
        drawn.response.status
        for status in (202, 203)
        for drawn in draws(
            edge_cases(cases=[EdgeCase(*words, lambda it, _, status=status: replace(it, status=status))]), 5
        )
    }
    assert found == {202, 203}


def test_an_edge_case_of_your_own_is_drawn_while_it_is_in_the_table():
    def names():
        return {drawn.case.name for drawn in draws(edge_cases(levels=["http"]))}

    assert "my_own" not in names()

    @edge_case("unusual", "http", seen="my gateway", applies=always)
    def my_own(response):
        """The status is one of ours."""
        return replace(response, status=299)

    try:
        assert "my_own" in names()
        response = plainest(http_responses())
        assert plainest(variants(response), lambda drawn: drawn.status == 299).body == response.body
        assert plainest(edge_cases(cases=["my_own"])).response.status == 299
    finally:
        del table._CASES["my_own"]
    assert "my_own" not in names()


def always(response):
    """Any response."""
    return True


@pytest.mark.parametrize("strategy", [edge_cases, http_responses], ids=lambda strategy: strategy.__name__)
def test_cases_of_a_set_come_in_the_order_of_the_table(strategy):
    names = [name for name, case in EDGE_CASES.items() if case.level == "base64"]
    own = EdgeCase("own", "unusual", "json", "Odd", "run", "any", False, lambda *_: True, lambda it, _: it)
    shuffled = [own, *reversed(names)]
    assert draws(strategy(cases={*shuffled}), 30) == draws(strategy(cases=[*names, own]), 30)
    assert draws(strategy(cases=shuffled), 30) != draws(strategy(cases=[*names, own]), 30)


def test_the_order_of_verdicts_and_levels_is_nothing():
    assert draws(edge_cases(verdicts=["invalid", "valid"], levels=["json", "http"]), 30) == draws(
        edge_cases(verdicts={"valid", "invalid"}, levels={"http", "json"}), 30
    )


def test_a_case_that_no_longer_applies_mutates_the_plain_response_instead():
    def once(response, request):
        return "1023" in dict(response.headers)["date"] or response == plain.original

    plain = plainest(edge_cases(cases=["data_url_prefix"]))
    own = EdgeCase("own", "valid", "http", "Odd", "run", "one", True, once, lambda it, _: it)
    assert {drawn.original for drawn in draws(edge_cases(cases=[own]), 30)} == {plain.original}


# As HTTP alone.


def verdicts_of(strategy):
    return {
        max((finding.verdict for finding in check(drawn)), default="", key=WEIGHT.index) for drawn in draws(strategy)
    }


WEIGHT = ["", "unusual", "tolerated", "invalid"]


def test_plain_ones_alone_come_unasked():
    assert verdicts_of(http_responses()) == {""}


def test_plain_and_mutated_ones_come_together():
    found = draws(http_responses(verdicts=("valid", "invalid")))
    invalid = [any(finding.verdict == "invalid" for finding in check(drawn)) for drawn in found]
    assert 0.25 < sum(invalid) / len(found) < 0.6
    assert not any(
        finding.verdict == "invalid"
        for drawn, bad in zip(found, invalid, strict=True)
        if not bad
        for finding in check(drawn)
    )


@pytest.mark.parametrize("verdicts", [None, VERDICTS, ["valid", "invalid"]])
@pytest.mark.parametrize("chosen", range(3))
def test_about_half_of_a_hundred_are_mutated_and_valid_cases_are_among_them(verdicts, chosen, monkeypatch):
    names = []

    def noted(case, *arguments):
        names.append(case.name)
        return mutate(case, *arguments)

    monkeypatch.setattr(mutated, "mutate", noted)

    @seed(chosen)
    @settings(quick, max_examples=100)
    @given(http_responses(verdicts=verdicts))
    def draw(drawn):
        pass

    draw()
    assert 35 < len(names) < 75
    assert {EDGE_CASES[name].verdict for name in names} == {*(verdicts or VERDICTS)}


def test_the_verdict_valid_alone_is_for_plain_answers_however_it_is_given():
    for verdicts in (["valid"], {"valid"}, ("valid", "valid")):
        assert verdicts_of(http_responses(verdicts=verdicts)) == {""}


def test_no_verdict_brings_in_streams_or_errors_unasked():
    found = draws(http_responses(verdicts=("invalid", "unusual")), 500)
    assert not any(drawn.content_type == EVENTS for drawn in found)


def test_a_level_brings_in_its_valid_cases_and_no_plain_ones():
    found = draws(http_responses(levels=["stream"]))
    assert {drawn.content_type for drawn in found} == {EVENTS}
    assert not any(finding.verdict == "invalid" for drawn in found for finding in check(drawn))


def test_named_cases_come_whatever_their_verdict():
    found = draws(http_responses(cases=["data_url_prefix", EDGE_CASES["truncated_body"]]), 40)
    assert {bool(b"data:image" in drawn.body) for drawn in found} == {True, False}
    for verdicts in (["valid"], ["invalid"], None):
        assert draws(http_responses(cases=["data_url_prefix"], verdicts=verdicts), 1)[0].body.count(b"data:image") > 0


def test_a_case_of_errors_comes_by_name():
    names = [case.name for case in EDGE_CASES.values() if case.applies_to.startswith("An answer of status 400")]
    for name in names:
        assert plainest(http_responses(cases=[name])).status >= 400
    assert names


@settings(quick, max_examples=60)
@given(st.sampled_from(list(EDGE_CASES.values())).flatmap(lambda case: http_responses(cases=[case])))
def test_cases_compose_with_other_strategies(response):
    check(response)
