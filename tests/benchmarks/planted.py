"""Which strategy finds which planted bug, after how many examples, and to what it shrinks.

`python tests/benchmarks/planted.py` prints it as a table, with ten seeds; `tests/test_planted.py` holds it to its promises. The bugs are
those of `tests/parsers.py`. A bug shows itself where its parser does not do what the correct one does with the same
body: other pictures, a refusal, none, or an exception that is no refusal.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning, NoSuchExample

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[2]))

from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.strategies import edge_cases, http_responses, stream_responses, variants
from pytest_imgresponse.strategies.choices import Choice
from pytest_imgresponse.strategies.mutated import Mutation
from tests import parsers
from tests.parsers import PLANTED, Parser, ParserError, StreamParser

WITHIN = 200
"""Examples in which each bug is to be found."""
SEEDS = 10
"""Runs that are counted: what one finds by chance another misses."""

Drawn = Mutation | HTTPResponse

_PLAIN = Choice().http()
_FULL = Choice(Parameters(model="gpt-image-1")).http()


class Fit(NamedTuple):
    """The strategy that fits a bug, in words and as itself, and what it is drawn around or mutated from."""

    words: str
    strategy: st.SearchStrategy[Any]
    around: HTTPResponse | None = None


def _mutated(level: str) -> Fit:
    return Fit(f'edge_cases(levels=["{level}"])', edge_cases(levels=[level]))


def _variants_of(words: str, response: HTTPResponse) -> Fit:
    return Fit(f"variants({words})", variants(response), response)


_ANSWERS = Fit("http_responses()", http_responses())
_STREAMS = Fit("stream_responses()", stream_responses())

STRATEGIES: dict[type[Parser], Fit] = {
    parsers.FirstItemUnlooked: _mutated("json"),
    parsers.OnlyTheFirst: _ANSWERS,
    parsers.NoValidation: _mutated("base64"),
    parsers.PrefixKept: _mutated("base64"),
    parsers.PaddingNeeded: _mutated("base64"),
    parsers.NewlinesRefused: _mutated("base64"),
    parsers.UrlSafeUnknown: _mutated("base64"),
    parsers.SizeTrusted: _mutated("image"),
    parsers.SizeAssumed: _ANSWERS,
    parsers.FormatTrusted: _mutated("image"),
    parsers.AlphaAssumed: _mutated("image"),
    parsers.ColoursAssumed: _ANSWERS,
    parsers.UsageAssumed: _ANSWERS,
    parsers.UsageDetailsAssumed: _mutated("schema"),
    parsers.TokensCutToIntegers: _variants_of("full", _FULL),
    parsers.NegativeTokens: _variants_of("full", _FULL),
    parsers.CreatedAsFloat: _mutated("schema"),
    parsers.CreatedAsText: _mutated("schema"),
    parsers.CreatedAssumed: _variants_of("plain", _PLAIN),
    parsers.ErrorOverlooked: _mutated("schema"),
    parsers.RawJSONError: _mutated("http"),
    parsers.StrictUTF8: _mutated("json"),
    parsers.VerifiedOnly: _mutated("image"),
    parsers.RowsNotCounted: _mutated("image"),
    parsers.BombRaises: _mutated("image"),
    parsers.PromptAssumed: _mutated("schema"),
    parsers.UrlFirst: _mutated("schema"),
    parsers.PartialTakenAsFinal: _STREAMS,
    parsers.BreaksAtLineFeedsOnly: _mutated("stream"),
    parsers.DoneParsed: _mutated("stream"),
    parsers.NoCompletedAccepted: _mutated("stream"),
    parsers.OneLineOfData: _mutated("stream"),
    parsers.EveryEventAPicture: _mutated("stream"),
}


def outcome(parse: Callable[[bytes], Any], body: bytes) -> Any:
    """What a parser does: the pictures that it gives, or the name of what it raises."""
    try:
        return parse(body)
    except ParserError:
        return "refused"
    except Exception as error:
        return type(error).__name__


@cache
def reader(bug: type[Parser], stream: bool) -> Callable[[bytes], Any]:
    """A parser that remembers the pictures that it opened: they are few, and take their time."""
    parser, known = bug(), dict[bytes, Any]()
    open_picture = parser.opened

    def opened(data: bytes) -> parsers.Picture:
        if data not in known:
            try:
                known[data] = open_picture(data)
            except Exception as error:
                known[data] = error
        if isinstance(known[data], Exception):
            raise known[data]
        picture: parsers.Picture = known[data]
        return picture

    parser.opened = opened  # type: ignore[method-assign]
    return parser.parse_stream if stream else parser.parse


def right(body: bytes, *, stream: bool) -> Any:
    """What the correct parser does."""
    return outcome(reader(Parser, stream), body)


def shows(bug: type[Parser], response: HTTPResponse) -> bool:
    """Whether the parser with this bug does not do what the correct one does."""
    stream = issubclass(bug, StreamParser)
    return outcome(reader(bug, stream), response.body) != right(response.body, stream=stream)


def answer_in(drawn: Drawn) -> HTTPResponse:
    """The response that a parser gets."""
    return drawn.response if isinstance(drawn, Mutation) else drawn


class Found(NamedTuple):
    """After how many examples a bug showed itself, and what it shrank to."""

    bug: type[Parser]
    fit: Fit
    examples: int
    drawn: Drawn

    def shrunk_to(self) -> str:
        """What was drawn, in a few words."""
        if isinstance(self.drawn, Mutation):
            return f"{self.drawn.case.name} ({self.drawn.case.verdict})"
        if self.fit.around is not None:
            return f"{self.fit.words} with {changed(self.fit.around, self.drawn)}"
        return summary(self.drawn)


def search(bug: type[Parser], *, seed: int = 0, shrink: bool = True) -> Found:
    """Find a bug and shrink what shows it. Raises `hypothesis.errors.NoSuchExample`."""
    fit, tried, first = STRATEGIES[bug], 0, 0

    def condition(drawn: Drawn) -> bool:
        nonlocal tried, first
        tried += 1
        shown = shows(bug, answer_in(drawn))
        if shown and not first:
            first = tried
        return shown

    chosen = settings(
        max_examples=WITHIN,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *[Phase.shrink] * shrink],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # the repr of several pictures is long
        drawn = find(fit.strategy, condition, settings=chosen, random=Random(seed))
    return Found(bug, fit, first, drawn)


def counts(bug: type[Parser], number: int = SEEDS) -> list[int | None]:
    """After how many examples a bug showed itself, for each of so many seeds; None where it did not."""
    found: list[int | None] = []
    for seed in range(number):
        try:
            found.append(search(bug, seed=seed, shrink=False).examples)
        except NoSuchExample:
            found.append(None)
    return found


def in_words(found: list[int | None]) -> str:
    """Such counts: the median, the most, and how many runs found nothing."""
    missed = found.count(None)
    after = [count for count in found if count is not None] or [0]
    return f"{median(after):.0f} (most {max(after)})" + f", missed by {missed} of {len(found)}" * bool(missed)


def leaves(value: Any, path: str = "$") -> dict[str, Any]:
    """The values in a JSON document by their paths; empty ones too."""
    if isinstance(value, dict) and value:
        return {deep: leaf for name, inner in value.items() for deep, leaf in leaves(inner, f"{path}.{name}").items()}
    if isinstance(value, list) and value:
        return {deep: leaf for n, inner in enumerate(value) for deep, leaf in leaves(inner, f"{path}[{n}]").items()}
    return {path: value}


def changed(before: HTTPResponse, after: HTTPResponse) -> str:
    """The fields in which two answers differ."""
    old, new = leaves(before.json()), leaves(after.json())
    return ", ".join(
        f"{path}: {json.dumps(new[path])[:30]}" if path in new else f"no {path}"
        for path in {**old, **new}
        if path not in old or path not in new or old[path] != new[path] or type(old[path]) is not type(new[path])
    )


def summary(response: HTTPResponse) -> str:
    """An answer in a few words."""
    if response.content_type == "text/event-stream":
        return f"a stream of {response.body.count(b'event: ')} events"
    fields = response.json()
    return f"{len(fields['data'])} image(s), fields {', '.join(fields)}"


def main() -> None:
    """Find all and print them."""
    print(f"{'bug':24}{'strategy':32}{'examples':>14}  shrunk to")
    for bug in PLANTED:
        found, after = search(bug), in_words(counts(bug))
        print(f"{bug.__name__:24}{found.fit.words:32}{after:>14}  {found.shrunk_to()}", flush=True)


if __name__ == "__main__":
    main()
