"""What a strategy can choose: the kinds of answers that satisfy its arguments, their sizes, counts and backgrounds."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse.api import blob_store
from pytest_imgresponse.api.answers import Answer, Tokens, answer_to
from pytest_imgresponse.api.families import (
    BACKGROUNDS,
    CLEAR_FORMATS,
    FAMILIES,
    FEWEST_PIXELS,
    LONGEST_EDGE,
    MOST_PIXELS,
    QUALITIES,
    RESPONSE_FORMATS,
    Family,
    output_tokens,
)
from pytest_imgresponse.api.headers import seeded_headers
from pytest_imgresponse.api.parameters import Parameters, Upload
from pytest_imgresponse.api.rules import BrokenRule, broken_rules, settled
from pytest_imgresponse.api.samples import PROMPT
from pytest_imgresponse.http import HTTPRequest, HTTPResponse
from pytest_imgresponse.images import OUTPUT_FORMATS
from pytest_imgresponse.strategies.picture_files import edges_of, payload_of, picture_of, require_one_of

FIRST_DAY = 1_700_000_000
"""The earliest time that is drawn, in Unix seconds: in November 2023."""

SEEN_SIZE = "1254x1254"
"""What gpt-image-2 answered to 1024x1024 (recorded: maruel/genai, gpt-image-2)."""
LARGE_SIZES = ("2160x3840", "3840x1280")
"""Whose pictures take longest to make: unless more are asked for, one an answer."""
# Where any size goes: fixed ones, recorded ones, and the borders: fewest pixels, 3:1 and 1:3, most pixels and the
# longest edge. A dozen, since most formats take their time over the first picture of each.
_FLEXIBLE_SIZES = (
    "1024x1024",
    "1024x1536",
    "1536x1024",
    "1536x864",
    "1280x720",
    SEEN_SIZE,
    "1024x640",
    "640x1024",
    "1440x480",
    "480x1440",
    *LARGE_SIZES,
)
_SMALL_PIXELS = 2**21
# Formats whose pictures are made in a millisecond: of them there is any size, up to so many pixels.
_QUICK_FORMATS = ("png", "svg")
# One model for each kind of answer, the plainest first; those of one family answer alike.
_MODELS = ("dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2", "gpt-image-2.5-sunburst")


class Choice(NamedTuple):
    """All that an answer depends on. As it stands by default it is a plain answer.

    `asked` are the parameters of its request. The answer repeats them, but for the fields named in `auto`, which both
    give as `auto`: some streams do when that was asked for.
    """

    asked: Parameters = Parameters(model="dall-e-2", response_format="b64_json")
    created: int = FIRST_DAY
    seed: int = 0
    describes: bool = True
    revised_prompt: str = "A red fox in the snow."
    tokens: Tokens = Tokens()
    reasoning: int = 0
    auto: tuple[str, ...] = ()

    def with_parameters(self, **parameters: Any) -> Choice:
        """The same with other parameters."""
        return self._replace(asked=replace(self.asked, **parameters))

    @property
    def family(self) -> Family:
        """The family of its model."""
        return FAMILIES[self.asked.model or ""]

    @property
    def size(self) -> str:
        """That of its pictures, in pixels."""
        return self.asked.size or "1024x1024"

    @property
    def drawn_tokens(self) -> int:
        """The output tokens of a picture by the table of its family."""
        return tokens_by_table(self.asked.model or "", self.asked.quality or "low", self.size)

    def request(self) -> HTTPRequest:
        """A request that asks for just this answer."""
        asked = replace(self.asked, prompt=PROMPT, size=self.size)
        if self.size == SEEN_SIZE:
            asked = replace(asked, size="auto")
        if asked.operation == "edits":
            asked = replace(asked, images=(Upload("image", "image/png", picture_of("png", "256x256", False, 0)),))
        if self.family.legacy:
            return replace(asked, n=asked.n or 1, output_format=None, quality=None).request()
        described: dict[str, Any] = {"quality": asked.quality or "low", "output_format": asked.output_format or "png"}
        described |= {"background": asked.background or "opaque", **dict.fromkeys(self.auto, "auto")}
        counted: dict[str, Any] = {"partial_images": asked.partial_images or 0} if asked.stream else {"n": asked.n or 1}
        return replace(asked, response_format=None, **described, **counted).request()

    def answer(self) -> Answer:
        """The answer."""
        asked = replace(settled(self.asked), quality=self.asked.quality or "low", size=self.size)
        pictures = [self._picture(self.seed + number) for number in range(asked.n or 1)]
        partials = [self._picture(self.seed + 1 + number) for number in range(asked.partial_images or 0)]
        of_each = [partials] * len(pictures) if partials else ()
        answer = answer_to(asked, pictures, created=self.created, partials=of_each)
        svg = answer.svg_tokens
        auto: dict[str, Any] = dict.fromkeys(self.auto, "auto")
        return replace(
            answer,
            describes=self.describes,
            revised_prompt=self.revised_prompt,
            tokens=self.tokens,
            svg_tokens=svg and svg._replace(text=self.tokens.text, reasoning=self.reasoning),
            **auto,
        )

    def http(self, entropy: int = 0) -> HTTPResponse:
        """The answer as HTTP. What is random in its headers is drawn from `entropy`."""
        answer = self.answer()
        return answer.http(seeded_headers(entropy, self.created, content_type=answer.content_type))

    def _picture(self, seed: int) -> str:
        """A payload, or a url that works for an hour."""
        if self.asked.response_format == "url":
            return blob_store.picture_url(seed, self.created)
        return payload_of(self.asked.output_format or "png", self.size, self.asked.transparent, seed)


@lru_cache(maxsize=1024)
def tokens_by_table(model: str, quality: str, size: str) -> int:
    """The output tokens of a picture, as `families.output_tokens` has them."""
    return output_tokens(FAMILIES[model], quality, *edges_of(size))


def require_integer(name: str, value: object, low: int, high: int) -> None:
    """Raises `InvalidArgument` for what is no integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArgument(f"expected {name} to be an integer from {low} to {high}; got {name}={value!r}")


def arguments(**given: Any) -> Parameters:
    """The arguments of a strategy as parameters; what is None is left to draw.

    Raises `InvalidArgument` for an argument that is wrong whatever the others are.
    """
    if (model := given.get("model")) is not None:
        require_one_of("model", model, FAMILIES, more="; the answers of other servers are among edge_cases()")
    if (n := given.get("n")) is not None:
        require_integer("n", n, 1, 10)
    if (size := given.get("size")) is not None:
        edges_of(size)
    for name, allowed in (
        ("output_format", OUTPUT_FORMATS),
        ("quality", QUALITIES),
        ("background", BACKGROUNDS),
        ("response_format", RESPONSE_FORMATS),
    ):
        if (value := given.get(name)) is not None:
            require_one_of(name, value, allowed)
    return Parameters(**given)


@lru_cache(maxsize=256)
def kinds(asked: Parameters) -> st.SearchStrategy[Choice]:
    """The kinds of answers to these arguments. Raises `InvalidArgument` where there are none.

    All in one draw, so that a hundred examples have each format and each quality.
    """
    models = _MODELS if asked.model is None else (asked.model,)
    able = [model for model in models if _contradiction(model, asked) is None]
    if not able:
        given = {**asked.said, **({"n": None} if asked.stream else {}), "stream": None, "partial_images": None}
        got = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        reasons = "; ".join(f"{model} {_contradiction(model, asked)}" for model in models)
        raise InvalidArgument(f"expected arguments that one answer can satisfy; got {got}: {reasons}")
    return st.sampled_from([kind for model in able for kind in _kinds_of(model, asked)])


def _kinds_of(model: str, asked: Parameters) -> list[Choice]:
    """The plainest first. Those of retired models twice: they have few, and there are recordings of many."""
    family = FAMILIES[model]
    plain = Choice(replace(asked, model=model))
    if family.legacy:
        sent = (asked.response_format,) if asked.response_format else RESPONSE_FORMATS
        return [plain.with_parameters(response_format=each) for each in sent] * 2
    formats = [
        name
        for name in ((asked.output_format,) if asked.output_format else family.formats)
        if _contradiction(model, replace(asked, output_format=name)) is None
    ]
    qualities = (asked.quality,) if asked.quality else [name for name in family.qualities if name != "auto"]
    described = any((asked.size, asked.output_format, asked.quality, asked.background, asked.stream))
    # The first answers of gpt-image-1 did not describe their pictures (recorded: ruby_llm, 59dd4cc2).
    bare = zip(formats, qualities, strict=False) if family.sizes and not described else ()
    looks = [(made, quality) for made in formats for quality in qualities]
    return [
        *(
            plain.with_parameters(output_format=made, quality=quality)._replace(describes=False)
            for made, quality in bare
        ),
        *(plain.with_parameters(output_format=made, quality=quality) for made, quality in looks),
    ]


def _contradiction(model: str, asked: Parameters) -> str | None:
    """Why no answer of this model satisfies the arguments; None where one does."""
    family = FAMILIES[model]
    request = replace(asked, model=model, prompt=PROMPT)
    # An argument may name what every answer of a model is, though no request can: the retired models take no
    # `output_format` and send PNG, the others take no `response_format` and send base64.
    if family.legacy and request.output_format == "png":
        request = replace(request, output_format=None)
    if not family.legacy and request.response_format == "b64_json":
        request = replace(request, response_format=None)
    if not family.sizes and request.size == SEEN_SIZE:
        request = replace(request, size="auto")
    if request.operation == "edits":
        request = replace(request, images=(Upload("image", "image/png", b""),))
    broken = next(broken_rules(request), None)
    return None if broken is None else _in_words(broken, family)


def _in_words(broken: BrokenRule, family: Family) -> str:
    """The rule in words that follow the name of a model: "answers with png alone"."""
    name, value = broken.parameter, broken.value
    if name == "n":
        most = "one svg" if broken.rule == "other format" else f"{family.most} image{'s' * (family.most > 1)}"
        return f"answers with {most} at the most"
    if name == "size":
        return f"has {_sizes_in_words(family)}"
    if name == "output_format":
        return "answers with png alone" if family.legacy else f"answers with {', '.join(family.formats)}"
    if name == "quality" and not family.legacy:
        return f"has no quality {value}"
    if name == "response_format":
        return "answers with b64_json alone"
    if name == "stream":
        return "does not stream" if broken.rule == "unknown" else f"does not stream {broken.expected}"
    if name == "background" and broken.rule == "other format":
        return f"has no transparent {broken.expected}"
    return f"tells no {name}"


def _sizes_in_words(family: Family) -> str:
    if family.sizes:
        return f"the sizes {', '.join(_fixed_sizes(family))}"
    return f"sizes of edges that are multiples of 16, from 1:3 to 3:1, and from {FEWEST_PIXELS} to {MOST_PIXELS} pixels"


def _fixed_sizes(family: Family) -> tuple[str, ...]:
    """The plainest first."""
    return tuple(sorted(set(family.sizes) - {"auto"}, key=lambda size: (size != "1024x1024", size)))


@lru_cache(maxsize=256)
def sizes(model: str, output_format: str, size: str | None) -> st.SearchStrategy[str]:
    """The sizes of an answer of such a model and format, the plainest first; this one where it is asked for."""
    family = FAMILIES[model]
    if size:
        return st.just(size)
    if family.sizes:
        return st.sampled_from(_fixed_sizes(family))
    known = st.sampled_from(_FLEXIBLE_SIZES)
    if output_format not in _QUICK_FORMATS:
        return known
    # One in four is of any size: that is a picture to make, though in a millisecond, where the others are made already.
    return st.one_of(known, known, known, st.sampled_from(_small_sizes()))


@lru_cache(maxsize=1)
def _small_sizes() -> tuple[str, ...]:
    edges = range(16, LONGEST_EDGE + 1, 16)
    even = ((width, height) for width in edges for height in edges if max(width, height) <= 3 * min(width, height))
    return tuple(f"{width}x{height}" for width, height in even if FEWEST_PIXELS <= width * height <= _SMALL_PIXELS)


@lru_cache(maxsize=256)
def counts(model: str, n: int | None) -> st.SearchStrategy[int]:
    """How many images: one most often, since more cost their time."""
    most = FAMILIES[model].most
    if n is not None or most == 1:
        return st.just(n or 1)
    return st.sampled_from([*[1] * most, *[2] * most, *range(1, most + 1)])


# "opaque" stands there twice, so that where there is nothing to choose a draw is made all the same: to Hypothesis the
# answer of fewest draws is the plainest, and that should be one of dall-e-2.
_OPAQUE = st.sampled_from(("opaque", "opaque"))
_EITHER = st.sampled_from(BACKGROUNDS)


def backgrounds(kind: Choice) -> st.SearchStrategy[str]:
    """The backgrounds of such an answer."""
    if kind.asked.background:
        return st.just(kind.asked.background)
    return _OPAQUE if kind.family.legacy or kind.asked.output_format not in CLEAR_FORMATS else _EITHER
