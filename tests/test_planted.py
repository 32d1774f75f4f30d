"""Each planted bug is found within 200 examples of the fitting strategy, and shrinks to what shows that bug alone."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings

from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.strategies import edge_cases, images_responses
from pytest_imgresponse.strategies.mutated import Mutation
from pytest_imgresponse.strategies.originals import mutate
from tests.benchmarks.planted import (
    STRATEGIES,
    WITHIN,
    answer_in,
    changed,
    counts,
    right,
    search,
    shows,
    summary,
)
from tests.conftest import slow
from tests.parsers import PLANTED, ParserError, Picture, StreamParser, parse

# What shows a bug in plain answers.
SHRUNK = {
    "OnlyTheFirst": "2 image(s), fields created, data",
    "SizeAssumed": "1 image(s), fields created, data",
    "UsageAssumed": "1 image(s), fields created, data",
    "ColoursAssumed": "1 image(s), fields created, background, data, output_format, quality, size, usage",
    "PartialTakenAsFinal": "a stream of 2 events",
}


def test_there_are_25_and_each_has_its_strategy():
    assert set(STRATEGIES) == set(PLANTED)
    assert len(PLANTED) >= 25
    assert all(bug.__doc__ for bug in PLANTED)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found_and_shown_alone(bug):
    found = search(bug)
    assert 0 < found.examples <= WITHIN
    drawn = found.drawn
    assert isinstance(right(answer_in(drawn).body, stream=issubclass(bug, StreamParser)), list) or (
        right(answer_in(drawn).body, stream=issubclass(bug, StreamParser)) == "refused"
    )
    if isinstance(drawn, Mutation):  # one edge case, on the plainest response, which does not show it
        assert drawn.original == mutate(drawn.case)[0].response
        assert not shows(bug, drawn.original)
    elif found.fit.around is not None:
        assert changed(found.fit.around, drawn) == found.shrunk_to().partition(" with ")[2]
        assert one_change(found.fit.around, drawn)
    else:
        assert summary(drawn) == SHRUNK[bug.__name__]


# Whose parsers or strategies take their time.
DEAR = {
    "ColoursAssumed",
    "FormatTrusted",
    "RowsNotCounted",
    "SizeTrusted",
    "AlphaAssumed",
    "BombRaises",
    "VerifiedOnly",
}


@pytest.mark.parametrize(
    "bug",
    [*(bug for bug in PLANTED if bug.__name__ not in DEAR), *slow(*(bug for bug in PLANTED if bug.__name__ in DEAR))],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_found_whatever_the_seed(bug):
    assert None not in counts(bug, 5)


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize(
    "bug", [bug for bug in PLANTED if STRATEGIES[bug].around is not None], ids=lambda bug: bug.__name__
)
def test_a_variant_shows_the_bug_alone_whatever_the_seed(bug, seed):
    found = search(bug, seed=seed)
    assert one_change(found.fit.around, found.drawn)


def one_change(before, after):
    """Whether one answer is the other with one field changed, or mutated by one edge case."""
    mutated = (case(before) for case in EDGE_CASES.values() if case.applies(before))
    return "," not in changed(before, after) or after in mutated


@settings(database=None, max_examples=100, deadline=None, derandomize=True, phases=[Phase.generate])
@given(images_responses())
def test_the_correct_parser_gives_the_pictures_of_each_valid_answer(response):
    body = response.model_dump_json(exclude_unset=True).encode()
    if response.data[0].url or response.output_format == "svg":
        with pytest.raises(ParserError):
            parse(body)
    else:
        pictures = parse(body)
        assert [picture.data for picture in pictures] == [image.image_bytes() for image in response.data]
        assert {type(picture) for picture in pictures} == {Picture}


@settings(database=None, max_examples=len(EDGE_CASES), deadline=None, derandomize=True, phases=[Phase.generate])
@given(edge_cases())
def test_the_correct_parser_refuses_what_is_invalid_by_name(drawn):
    found = right(drawn.response.body, stream=drawn.original.content_type == "text/event-stream")
    assert found == "refused" or (isinstance(found, list) and drawn.case.verdict != "invalid")
