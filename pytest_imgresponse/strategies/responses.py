"""Valid answers as models: `images_responses` and `usages`."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import strategies as st

from pytest_imgresponse.families import FAMILIES, OutputFormat
from pytest_imgresponse.models import ImagesResponse, Usage
from pytest_imgresponse.strategies.asking import LARGE_SIZES, Asked, menus
from pytest_imgresponse.strategies.pictures import seeds
from pytest_imgresponse.strategies.telling import FIRST_DAY, Choice, Tokens, fields_of, tokens_by_table

times: st.SearchStrategy[int] = st.integers(FIRST_DAY, 2**31 - 1)
"""Unix seconds that fit 32 bits."""

entropies: st.SearchStrategy[int] = st.integers(0, 2**16 - 1)
"""What the random parts of headers are drawn from."""

_texts = st.integers(1, 8000)  # the longest prompt has 32,000 letters
_uploads = st.integers(0, 16 * 1024)
_drawn = st.integers(1, 100_000)
_written = st.integers(0, 1000)
_told_apart = st.booleans()
_identifiers = st.sampled_from((None, "user-5f3c9a1b7d2e"))
# Of many scripts, and what has to be escaped. Letters at large would have Hypothesis read the table of all first.
LETTERS = (
    "abcdefghijklmnopqrstuvwxyz .,:;!?'\"\\/<>&%{}#-_0123456789ABCXYZ"
    "äßéñøčłжЯλ中文字あア한ש\N{ARABIC LETTER ALEF}\N{FOX FACE}\N{EM DASH}"
)
_prompts = st.text(LETTERS, min_size=1, max_size=80)


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
    was made, gpt-image-2 and later in any size, gpt-image-2.5 with GIF and SVG too.

    Each argument fixes what it names, and what is not given is drawn, among models as well: `size="1792x1024"` is
    answered by those that have it. `response_format` is `b64_json` or `url`. Arguments that no answer can satisfy
    raise `InvalidArgument` when drawing.

    Shrinks to the plainest answer: `created` and `data` with the payload of one opaque PNG of 1024x1024.
    """
    asked = Asked(model, n, size, output_format, quality, background, response_format)
    return ImagesResponse.model_validate(fields_of(draw_choice(draw, asked)))


def draw_choice(draw: st.DrawFn, asked: Asked) -> Choice:
    """What an answer depends on, of what was asked for."""
    menu = draw(menus(asked))
    output_format = draw(menu.formats)
    size, n = draw(menu.sizes), draw(menu.counts)
    if output_format == "svg" or (size in LARGE_SIZES and asked.n is None):
        n = 1
    choice = Choice(
        model=menu.model,
        n=n,
        size=size,
        output_format=output_format,
        background=draw(menu.backgrounds[output_format]),
        seed=draw(seeds),
        created=draw(times),
    )
    family = FAMILIES[menu.model]
    if family.legacy:
        revised = draw(_prompts) if menu.model == "dall-e-3" else choice.revised_prompt
        return choice._replace(response_format=draw(menu.response_formats), revised_prompt=revised)
    quality = draw(menu.qualities)
    by_table = choice.n * tokens_by_table(menu.model, quality, size) if family.sizes else None
    return choice._replace(
        quality=quality,
        echo=draw(menu.echoes),
        safety_identifier=None if family.sizes else draw(_identifiers),
        tokens=draw(_tokens(by_table)),
        reasoning=draw(_written) if output_format == "svg" else 0,
    )


@lru_cache(maxsize=256)
def _tokens(drawn: int | None) -> st.SearchStrategy[Tokens]:
    """Parts of a usage, with so many output tokens for images."""
    return st.builds(Tokens, _texts, _uploads, _drawn if drawn is None else st.just(drawn), _written, _told_apart)


def usages() -> st.SearchStrategy[Usage]:
    """Generates usages of the GPT image models, whose parts add up to their sums.

    With and without image tokens in the prompt, text tokens in the output, and `output_tokens_details`, which
    recordings before May 2026 lack.

    Shrinks to one text token in and one token out, without `output_tokens_details`.
    """
    return _tokens(None).map(Tokens.usage).map(Usage.model_validate)
