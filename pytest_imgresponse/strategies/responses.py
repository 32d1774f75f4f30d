"""Valid answers as models: `images_responses` and `usages`."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import strategies as st

from pytest_imgresponse.api.answers import Tokens, document
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.images import OutputFormat
from pytest_imgresponse.models import ImagesResponse, Usage
from pytest_imgresponse.strategies.choices import (
    FIRST_DAY,
    LARGE_SIZES,
    Choice,
    arguments,
    backgrounds,
    counts,
    kinds,
    sizes,
)
from pytest_imgresponse.strategies.picture_files import seeds

# Ranges to sample from, and not `integers`: where Hypothesis finds several draws of one kind, it makes more of the same
# by copying one over the other, and most of a run would be that.
times: st.SearchStrategy[int] = st.sampled_from(range(FIRST_DAY, 2**31))
"""Unix seconds that fit 32 bits."""

entropies: st.SearchStrategy[int] = st.sampled_from(range(2**16))
"""What the random parts of headers are drawn from."""

_texts = st.sampled_from(range(1, 8001))  # the longest prompt has 32,000 characters
_uploads = st.sampled_from(range(16 * 1024 + 1))
_drawn = st.sampled_from(range(1, 100_001))
_written = st.sampled_from(range(1001))
_reasoning = st.sampled_from(range(2001))
_told_apart = st.booleans()
_identifiers = st.sampled_from((None, "user-5f3c9a1b7d2e"))
# Of many scripts, and what has to be escaped. Letters at large would have Hypothesis read the table of all first.
CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyz .,:;!?'\"\\/<>&%{}#-_0123456789ABCXYZ"
    "äßéñøčłжЯλ中文字あア한ש\N{ARABIC LETTER ALEF}\N{FOX FACE}\N{EM DASH}"
)
_ANYTHING = Parameters()
_prompts = st.text(CHARACTERS, min_size=1, max_size=80)


@st.composite
def images_responses(
    draw: st.DrawFn,
    *,
    model: str | None = None,
    n: int | None = None,
    size: str | None = None,
    output_format: OutputFormat | None = None,
    quality: str | None = None,
    background: str | None = None,
    response_format: str | None = None,
) -> ImagesResponse:
    """Generates valid answers of the images API, as models, with pictures that can be decoded.

    Format, pixels and transparency of the pictures are what the fields say; the parts of a usage add up. Each family
    of models answers as it does in recordings: dall-e-2 and dall-e-3 with a payload or a url (dall-e-3 with a revised
    prompt), the GPT image models with payloads and usage, the first of them with or without the fields that tell what
    was made, gpt-image-2 and later in a dozen sizes (PNG and SVG in any that they have, up to two million pixels),
    gpt-image-2.5 with GIF and SVG too.

    Each argument fixes what it names, and what is not given is drawn, among models as well: `size="1792x1024"` is
    answered by those that have it. `response_format` is `b64_json` or `url`. Arguments that no answer can satisfy
    raise `InvalidArgument` when drawing.

    Shrinks to the plainest answer: `created` and `data` with the payload of one opaque PNG of 1024x1024.
    """
    asked = arguments(
        model=model,
        n=n,
        size=size,
        output_format=output_format,
        quality=quality,
        background=background,
        response_format=response_format,
    )
    return ImagesResponse.model_validate(document(draw_choice(draw, asked).answer()))


def draw_choice(draw: st.DrawFn, asked: Parameters = _ANYTHING) -> Choice:
    """What an answer depends on, for what was asked."""
    kind = draw(kinds(asked))
    model, made = kind.asked.model or "", kind.asked.output_format or "png"
    size, n = draw(sizes(model, made, asked.size)), draw(counts(model, asked.n))
    if made == "svg" or (size in LARGE_SIZES and asked.n is None):
        n = 1
    # Drawn in this order, by which examples shrink.
    background, seed, created = draw(backgrounds(kind)), draw(seeds), draw(times)
    choice = kind._replace(seed=seed, created=created)
    if kind.family.legacy:
        choice = choice.with_parameters(n=n, size=size)
        return choice._replace(revised_prompt=draw(_prompts)) if model == "dall-e-3" else choice
    identifier = None if kind.family.sizes else draw(_identifiers)
    choice = choice.with_parameters(n=n, size=size, background=background, safety_identifier=identifier)
    by_table = n * choice.drawn_tokens if kind.family.sizes else None
    return choice._replace(tokens=draw(_tokens(by_table)), reasoning=draw(_reasoning) if made == "svg" else 0)


@lru_cache(maxsize=256)
def _tokens(drawn: int | None) -> st.SearchStrategy[Tokens]:
    """Parts of a usage, with so many output tokens for images."""
    return st.builds(Tokens, _texts, _uploads, _drawn if drawn is None else st.just(drawn), _written, _told_apart)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Generates usages of the GPT image models, whose parts add up to their sums.

    With and without image tokens in the prompt, text tokens in the output, and `output_tokens_details`, which
    recordings before May 2026 lack.

    Shrinks to one text token in and one token out, without `output_tokens_details`.
    """
    return Usage.model_validate(draw(_tokens(None)).usage())
