"""The families of models: what each takes, and what its pictures cost in tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pytest_imgresponse.images import OUTPUT_FORMATS

DEFAULT_MODEL = "dall-e-2"
"""The model of a request that names none (images reference: "Defaults to dall-e-2")."""

QUALITIES = ("low", "medium", "high", "xhigh", "max")
BACKGROUNDS = ("opaque", "transparent")
"""What an answer tells of its pictures (openai 3.54.0, `images_response.py`)."""
STREAM_FORMATS = ("png", "webp", "jpeg")
"""What the pictures of streams are (openai 3.54.0, `image_gen_*_event.py`)."""
STILL_FORMATS = ("gif", "svg")
"""What does not stream (openai 3.54.0, `image_generate_params.py`)."""
CLEAR_FORMATS = ("png", "webp")
"""What can be asked for with a transparent background (openai 3.54.0, `image_generate_params.py`)."""
RESPONSE_FORMATS = ("b64_json", "url")
"""How dall-e-2 and dall-e-3 could be asked to send them (images reference)."""

LONGEST_EDGE = 3840
"""Of a picture, in pixels, where a family takes any size (openai 3.54.0, `image_generate_params.py`)."""
FEWEST_PIXELS, MOST_PIXELS = 655_360, 8_294_400
"""Of a picture, where a family takes any size (openai 3.54.0, `image_generate_params.py`)."""

_COMMON = frozenset({"prompt", "model", "n", "size", "user"})
_GPT = _COMMON | {
    "background",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "quality",
    "safety_identifier",
    "stream",
}
_NEWEST = _GPT | {"complexity", "frame_count", "frame_duration_ms", "svg"}
_VARIATIONS = frozenset({"model", "n", "response_format", "size", "user"})
_PHOTOS = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of models takes. `sizes` is empty where any size within the limits goes."""

    generations: frozenset[str]
    edits: frozenset[str] | None
    sizes: tuple[str, ...]
    most: int = 10
    qualities: tuple[str, ...] = (*QUALITIES[:3], "auto")
    formats: tuple[str, ...] = STREAM_FORMATS
    longest_prompt: int = 32000
    uploads: int = 16
    mimetypes: tuple[str, ...] = _PHOTOS
    legacy: bool = False

    @property
    def echoes_identifier(self) -> bool:
        """Whether its answers repeat the safety identifier: those of gpt-image-2 and later do."""
        return not self.legacy and not self.sizes

    def takes(self, operation: str | None) -> frozenset[str]:
        """The names of the parameters that it takes on a route, but for those of uploads."""
        if operation == "variations":
            return _VARIATIONS
        return self.generations if operation != "edits" else self.edits or frozenset()


_GPT_1 = Family(_GPT, _GPT | {"input_fidelity"}, ("1024x1024", "1024x1536", "1536x1024", "auto"))
_GPT_2 = Family(_GPT, _GPT, ())
_GPT_25 = replace(
    _GPT_2,
    generations=_NEWEST,
    edits=_NEWEST,
    qualities=(*QUALITIES, "auto"),
    formats=OUTPUT_FORMATS,
)

# Limits: openai 3.54.0, `image_generate_params.py` and `image_edit_params.py`; for the retired models the
# images reference of 2025. dall-e-2 has no `quality`: recorded (openllmetry, test_image_gen_metrics).
FAMILIES: dict[str, Family] = {
    "dall-e-2": Family(
        _COMMON | {"response_format"},
        _COMMON | {"response_format"},
        ("256x256", "512x512", "1024x1024"),
        longest_prompt=1000,
        uploads=1,
        mimetypes=("image/png",),
        legacy=True,
    ),
    "dall-e-3": Family(
        _COMMON | {"response_format", "quality", "style"},
        None,
        ("1024x1024", "1792x1024", "1024x1792"),
        most=1,
        qualities=("standard", "hd"),
        longest_prompt=4000,
        legacy=True,
    ),
    "gpt-image-1": _GPT_1,
    "gpt-image-1-mini": _GPT_1,
    "gpt-image-1.5": _GPT_1,
    "chatgpt-image-latest": _GPT_1,
    "gpt-image-2": _GPT_2,
    "gpt-image-2-2026-04-21": _GPT_2,
    "gpt-image-2.5-sunburst": _GPT_25,
    "gpt-image-2.5-sunburst-2026-09-08": _GPT_25,
    "gpt-image-2.5-flare": _GPT_25,
    "gpt-image-2.5-flare-2026-09-08": _GPT_25,
    "gpt-image-2.6-sunburst": _GPT_25,
    "gpt-image-2.6-flare": _GPT_25,
}

# The image generation guide: output tokens of gpt-image-1 for a square, a portrait and a landscape picture.
_OUTPUT_TOKENS = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
_BEYOND_HIGH = {"xhigh": 1.5, "max": 2.0}


def output_tokens(family: Family, quality: str, width: int, height: int) -> int:
    """The output tokens of one picture.

    Those of gpt-image-1 and its kin are the guide's. For gpt-image-2 and later no table is public: here they
    are gpt-image-1's for a square, by pixel count (xhigh and max: 1.5 and 2 times high), which is a
    rule of this package and no price list.
    """
    tokens = _OUTPUT_TOKENS.get(quality, _OUTPUT_TOKENS["high"])
    if family.sizes:
        return tokens[(height > width) + 2 * (width > height)]
    return round(tokens[0] * width * height / 1024**2 * _BEYOND_HIGH.get(quality, 1))


def input_tokens(prompt: str, uploads: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The text and image tokens of a request, by a rule of this package.

    A text token for every four bytes of the prompt begun; 64 image tokens for every 256x256 tile begun of
    each input image; `uploads` are their sizes in pixels.
    """
    tiles = sum(math.ceil(width / 256) * math.ceil(height / 256) for width, height in uploads)
    return math.ceil(len(prompt.encode("utf-8", "surrogatepass")) / 4), 64 * tiles
