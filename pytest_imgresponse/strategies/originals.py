"""Responses for edge cases to mutate, each with the request that it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Literal, NamedTuple
from zlib import crc32

from hypothesis.errors import InvalidArgument

from pytest_imgresponse.api.answers import Tokens
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.edge_cases import EdgeCase
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.strategies.choices import FIRST_DAY, Choice
from pytest_imgresponse.strategies.error_responses import NAMES, http_error
from pytest_imgresponse.strategies.picture_files import SEEDS


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


def _of_choice(choice: Choice, variation: Variation) -> Exchange:
    """An answer of one kind: JSON, or a stream."""
    asked, family = choice.asked, choice.family
    varied = choice._replace(created=variation.created, seed=variation.seed)
    if asked.stream:
        varied = varied.with_parameters(partial_images=min((asked.partial_images or 0) + variation.more, 3))
        drawn = choice.drawn_tokens
    else:
        n = 1 if asked.output_format == "svg" else min((asked.n or 1) + variation.more, family.most)
        varied = varied.with_parameters(n=n)
        drawn = 1 if family.legacy else n * choice.drawn_tokens
    tokens = choice.tokens._replace(text=variation.text_tokens, drawn=drawn)
    varied = varied._replace(tokens=tokens)
    return Exchange(varied.request(), varied.http(variation.entropy))


def _error(name: str, variation: Variation) -> Exchange:
    """An error of one kind."""
    return Exchange(_GPT.request(), http_error(name, now=variation.created, entropy=variation.entropy))


_DALL_E = Choice().asked
_GPT = Choice(Parameters(model="gpt-image-1"))
_NEWEST = Choice(Parameters(model="gpt-image-2.5-sunburst"))
_APART = Tokens(told_apart=True)
_STREAM = _GPT.with_parameters(stream=True)

Form = Literal["answer", "stream", "error"]
_FULL = 4
"""Answers of one image with all that gpt-image-1 tells: no missing field hides what a case hits, no second image."""
# In each form, the answer with the most fields comes first.
_BASES: dict[Form, tuple[Base, ...]] = {
    "answer": (
        partial(_of_choice, _GPT),
        partial(_of_choice, _GPT.with_parameters(output_format="webp", size="1536x1024")._replace(tokens=_APART)),
        partial(_of_choice, _GPT.with_parameters(output_format="jpeg", size="1024x1536")),
        partial(_of_choice, _GPT.with_parameters(background="transparent")),
        partial(_of_choice, _GPT.with_parameters(n=2)._replace(tokens=_APART)),
        partial(_of_choice, Choice()),
        partial(_of_choice, Choice(replace(_DALL_E, model="dall-e-3"))),
        partial(_of_choice, Choice(replace(_DALL_E, response_format="url"))),
        partial(
            _of_choice,
            _NEWEST.with_parameters(size="1536x864", quality="max", safety_identifier="user-5f3c9a1b7d2e"),
        ),
        partial(_of_choice, _NEWEST.with_parameters(output_format="gif")),
        partial(_of_choice, _NEWEST.with_parameters(output_format="svg")),
    ),
    "stream": (
        partial(_of_choice, _STREAM),
        partial(_of_choice, _STREAM.with_parameters(partial_images=1)),
        partial(
            _of_choice,
            _STREAM.with_parameters(output_format="webp", size="1536x1024", operation="edits", partial_images=2),
        ),
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
