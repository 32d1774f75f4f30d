"""Responses for edge cases to mutate, each with the request that it answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Literal, NamedTuple
from zlib import crc32

from hypothesis.errors import InvalidArgument

from pytest_imgresponse.api.families import FAMILIES
from pytest_imgresponse.edge_cases import EdgeCase
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.strategies.error_responses import NAMES, http_error
from pytest_imgresponse.strategies.picture_files import SEEDS
from pytest_imgresponse.strategies.streams import StreamChoice, http_stream, request_for_stream
from pytest_imgresponse.strategies.telling import (
    FIRST_DAY,
    Choice,
    Tokens,
    http_answer,
    request_for,
    tokens_by_table,
)


class Exchange(NamedTuple):
    """A response and the request that asks for it."""

    request: HTTPRequest
    response: HTTPResponse


class Variation(NamedTuple):
    """In what responses of one base differ."""

    created: int = FIRST_DAY
    seed: int = 0
    entropy: int = 0
    text_tokens: int = 1
    more: int = 0
    """Images or partial images beyond the fewest, up to two."""

    @classmethod
    def from_number(cls, number: int) -> Variation:
        """The variation of a number; that of 0 is none at all."""
        # One number is drawn and not five: where Hypothesis finds several draws of one kind, it makes more of the same
        # by copying one over the other, and the cases that were not drawn yet would wait.
        rest, seed, more = number // (3 * SEEDS), number // 3 % SEEDS, number % 3
        return cls(FIRST_DAY + rest % (2**31 - FIRST_DAY), seed, rest, 1 + rest % 8000, more)


_PLAIN = Variation()
Base = Callable[[Variation], Exchange]


def _answer(choice: Choice, variation: Variation) -> Exchange:
    """A JSON answer of one kind."""
    family = FAMILIES[choice.model]
    n = choice.n if choice.output_format == "svg" else min(choice.n + variation.more, family.most)
    drawn = 1 if family.legacy else n * tokens_by_table(choice.model, choice.quality, choice.size)
    chosen = choice._replace(
        n=n,
        created=variation.created,
        seed=variation.seed,
        tokens=choice.tokens._replace(text=variation.text_tokens, drawn=drawn),
    )
    return Exchange(request_for(chosen), http_answer(chosen, variation.entropy))


def _stream(chosen: StreamChoice, variation: Variation) -> Exchange:
    """A stream of one kind."""
    drawn = tokens_by_table(chosen.choice.model, chosen.choice.quality, chosen.choice.size)
    tokens = Tokens(text=variation.text_tokens, drawn=drawn)
    choice = chosen.choice._replace(created=variation.created, seed=variation.seed, tokens=tokens)
    told = chosen._replace(choice=choice, partials=min(chosen.partials + variation.more, 3))
    return Exchange(request_for_stream(told), http_stream(told, variation.entropy))


def _error(name: str, variation: Variation) -> Exchange:
    """An error of one kind."""
    return Exchange(request_for(_GPT), http_error(name, now=variation.created, entropy=variation.entropy))


_GPT = Choice(model="gpt-image-1", echo=True)
_NEWEST = Choice(model="gpt-image-2.5-sunburst", echo=True)
_APART = Tokens(told_apart=True)

Form = Literal["answer", "stream", "error"]
_FULL = 4
"""Answers of one image with all that gpt-image-1 tells: no missing field hides what a case hits, no second image."""
# The most telling first, in each form.
_BASES: dict[Form, tuple[Base, ...]] = {
    "answer": (
        partial(_answer, _GPT),
        partial(_answer, _GPT._replace(output_format="webp", size="1536x1024", tokens=_APART)),
        partial(_answer, _GPT._replace(output_format="jpeg", size="1024x1536")),
        partial(_answer, _GPT._replace(background="transparent")),
        partial(_answer, _GPT._replace(n=2, tokens=_APART)),
        partial(_answer, Choice()),
        partial(_answer, Choice(model="dall-e-3")),
        partial(_answer, Choice(response_format="url")),
        partial(_answer, _NEWEST._replace(size="1536x864", quality="max", safety_identifier="user-5f3c9a1b7d2e")),
        partial(_answer, _NEWEST._replace(output_format="gif")),
        partial(_answer, _NEWEST._replace(output_format="svg")),
    ),
    "stream": (
        partial(_stream, StreamChoice(_GPT)),
        partial(_stream, StreamChoice(_GPT, partials=1)),
        partial(_stream, StreamChoice(_GPT._replace(output_format="webp", size="1536x1024"), "edit", partials=2)),
    ),
    "error": tuple(partial(_error, name) for name in NAMES),
}


@cache
def _plain(base: Base) -> Exchange:
    return base(_PLAIN)


def _fits(case: EdgeCase, base: Base) -> bool:
    plain = _plain(base)
    return case.applies(plain.response, plain.request)


@lru_cache(maxsize=1024)
def form_of(case: EdgeCase) -> Form | None:
    """What form of response a case mutates: answers if it can, else streams, else errors; None for none drawn here."""
    return next((form for form, bases in _BASES.items() if any(_fits(case, base) for base in bases)), None)


@lru_cache(maxsize=1024)
def _first(case: EdgeCase) -> Base:
    """Where a case comes first: each on one of the full answers, the same in each run, where it applies to one."""
    bases = _bases_of(case)
    full = [base for base in bases[:_FULL] if _fits(case, base)] or [base for base in bases if _fits(case, base)]
    return full[crc32(case.name.encode()) % len(full)]


def _bases_of(case: EdgeCase) -> tuple[Base, ...]:
    """Raises `InvalidArgument` for a case that applies to nothing that is drawn here."""
    form = form_of(case)
    if form is None:
        raise InvalidArgument(f"the edge case {case.name} applies to {case.applies_to}, and no such response is drawn")
    return _BASES[form]


def mutate(case: EdgeCase, number: int | None = None, variation: Variation = _PLAIN) -> tuple[Exchange, HTTPResponse]:
    """An exchange to which a case applies, and the response that it makes of it.

    The exchange is the one where the case comes first, or the first from base `number` on. Raises `InvalidArgument` for
    a case that applies to nothing that is drawn here.
    """
    if number is None:
        base = _first(case)
    else:
        bases = _bases_of(case)
        start = number % len(bases)
        base = next(base for base in (*bases[start:], *bases[:start]) if _fits(case, base))
    exchange = base(variation)
    if not case.applies(exchange.response, exchange.request):
        exchange = _plain(base)
    return exchange, case(exchange.response, exchange.request)
