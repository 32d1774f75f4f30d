"""Which parameters a family of models takes, alone and together: each rule once, worded by whoever applies it.

`LocalEndpoint` words a broken rule as the API's 400 (`api_errors`), the strategies word it as `InvalidArgument`
(`strategies.choices`), and the default answer to a client leaves out what breaks one (`contract.default_response`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from pytest_imgresponse.api.families import (
    CLEAR_FORMATS,
    DEFAULT_MODEL,
    FAMILIES,
    FEWEST_PIXELS,
    LONGEST_EDGE,
    MOST_PIXELS,
    RESPONSE_FORMATS,
    STILL_FORMATS,
    Family,
)
from pytest_imgresponse.api.parameters import NAMES, Parameters

Rule = Literal[
    "type",  # the value is of another type; `expected` is a type in words, or a tuple of choices
    "choice",  # the value is none of those `expected`
    "minimum",  # the value is below what is `expected`
    "maximum",  # the value is above what is `expected`
    "size",  # the value is no size that the family takes; `expected` is one of SIZE_RULES
    "unknown",  # the model takes no such parameter on this route
    "missing",
    "empty",
    "too long",  # `value` characters; `expected` is the most
    "too many",  # `value` files; `expected` is the most
    "media type",  # of an upload; one of those `expected`
    "other format",  # the value does not go with the output format that was asked for, which is in `expected`
    "own format",  # the parameter goes with the output format `expected` alone
]
"""Which rule is broken."""

SIZE_RULES = {
    "form": "Expected WIDTHxHEIGHT, for example '1824x1024'.",
    "multiple": "Width and height must both be divisible by 16.",
    "edge": f"The longest edge must be less than or equal to {LONGEST_EDGE}.",
    "ratio": "The aspect ratio must be between 1:3 and 3:1.",
    "fewest": "Requested resolution is below the current minimum pixel budget.",
    "most": "Requested resolution is above the current maximum pixel budget.",
}
"""What a size has to be where a family has no list of them, in the API's words."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "background": ("transparent", "opaque", "auto"),
    "moderation": ("low", "auto"),
    "style": ("vivid", "natural"),
    "input_fidelity": ("high", "low"),
    "complexity": ("low", "medium", "high"),
    "response_format": tuple(reversed(RESPONSE_FORMATS)),
}
RANGES = {
    "output_compression": (0, 100),
    "partial_images": (0, 3),
    "frame_count": (2, 16),
    "frame_duration_ms": (1, 655_350),
}
"""The least and the most of numbers (openai 3.54.0, `image_generate_params.py` and `image_edit_params.py`)."""


class BrokenRule(NamedTuple):
    """A rule that parameters break: its parameter, the value of that, and what the rule expects of it (see `Rule`)."""

    rule: Rule
    parameter: str
    value: Any = None
    expected: Any = None


def models_for(parameters: Parameters) -> tuple[str, ...]:
    """The models that can do what is asked for: make, change or vary a picture."""
    if parameters.operation == "variations":
        return (DEFAULT_MODEL,)
    able = (name for name, family in FAMILIES.items() if parameters.operation != "edits" or family.edits is not None)
    return tuple(able)


def broken_rules(parameters: Parameters) -> Iterator[BrokenRule]:
    """The rules that parameters break, the most general first."""
    able = models_for(parameters)
    if "model" in parameters.wrong:
        yield BrokenRule("type", "model", parameters.wrong["model"], able)
        return
    if (parameters.model or DEFAULT_MODEL) not in able:
        yield BrokenRule("choice", "model", parameters.model, able)
        return
    family = FAMILIES[parameters.model or DEFAULT_MODEL]
    yield from _of_names(parameters, family)
    if parameters.operation != "variations":
        yield from _of_prompt(parameters, family)
    yield from _of_uploads(parameters, family)
    yield from _of_values(parameters, family)
    yield from _of_formats(parameters)


def _of_names(parameters: Parameters, family: Family) -> Iterator[BrokenRule]:
    taken = family.takes(parameters.operation)
    for name in (*NAMES, *parameters.unknown):
        named = name in (*parameters.unknown, *parameters.null, *parameters.wrong)
        if name not in taken and (named or getattr(parameters, name) is not None):
            yield BrokenRule("unknown", name)


def _of_prompt(parameters: Parameters, family: Family) -> Iterator[BrokenRule]:
    if "prompt" in parameters.wrong:
        yield BrokenRule("type", "prompt", parameters.wrong["prompt"], "a string")
    elif parameters.prompt is None:
        yield BrokenRule("missing", "prompt")
    elif not parameters.prompt:
        yield BrokenRule("empty", "prompt")
    elif len(parameters.prompt) > family.longest_prompt:
        yield BrokenRule("too long", "prompt", len(parameters.prompt), family.longest_prompt)


def _of_uploads(parameters: Parameters, family: Family) -> Iterator[BrokenRule]:
    uploads = (*parameters.images, *([parameters.mask] if parameters.mask else []))
    misplaced = [name for name in parameters.wrong if name.startswith(("image", "mask"))]
    if parameters.operation not in ("edits", "variations"):
        for name in (*misplaced, *(upload.name for upload in uploads)):
            yield BrokenRule("unknown", name.partition("[")[0])
        return
    for name in misplaced:
        value = parameters.wrong[name]
        yield BrokenRule("type", name, value, _expected_upload(name, value, is_form=parameters.is_form))
    if not parameters.images:
        yield BrokenRule("missing", "image" if parameters.is_form else "images")
    if len(parameters.images) > family.uploads:
        yield BrokenRule("too many", "image", len(parameters.images), family.uploads)
    for upload in uploads:
        allowed = ("image/png",) if upload is parameters.mask else family.mimetypes
        if upload.mimetype not in allowed:
            yield BrokenRule("media type", upload.name, upload.mimetype, allowed)


def _expected_upload(name: str, value: object, *, is_form: bool) -> str:
    if is_form:
        return "a file"
    if name == "images":
        return "an array of objects"
    return "a data URL" if isinstance(value, dict) else "an object"


def _of_values(parameters: Parameters, family: Family) -> Iterator[BrokenRule]:
    choices = {**_CHOICES, "quality": family.qualities, "output_format": family.formats}
    ranges = {"n": (1, family.most), **RANGES}
    for name in NAMES:
        value = getattr(parameters, name)
        if name in parameters.wrong and name not in ("model", "prompt"):
            yield BrokenRule("type", name, parameters.wrong[name], choices.get(name) or _TYPES.get(name, "a string"))
        elif value is None:
            continue
        elif name == "size":
            yield from _of_size(family, value)
        elif name in choices and value not in choices[name]:
            yield BrokenRule("choice", name, value, choices[name])
        elif name in ranges and value < ranges[name][0]:
            yield BrokenRule("minimum", name, value, ranges[name][0])
        elif name in ranges and value > ranges[name][1]:
            yield BrokenRule("maximum", name, value, ranges[name][1])


_TYPES = {**dict.fromkeys(("n", *RANGES), "an integer"), "stream": "a boolean", "svg": "an object"}


def _of_size(family: Family, size: str) -> Iterator[BrokenRule]:
    if family.sizes:
        if size not in family.sizes:
            yield BrokenRule("choice", "size", size, family.sizes)
        return
    if size == "auto":
        return
    if re.fullmatch(r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", size) is None:
        yield BrokenRule("size", "size", size, "form")
        return
    width, height = map(int, size.split("x"))
    for is_broken, rule in (
        (width % 16 or height % 16, "multiple"),
        (max(width, height) > LONGEST_EDGE, "edge"),
        (max(width, height) > 3 * min(width, height), "ratio"),
        (width * height < FEWEST_PIXELS, "fewest"),
        (width * height > MOST_PIXELS, "most"),
    ):
        if is_broken:
            yield BrokenRule("size", "size", size, rule)


def _of_formats(parameters: Parameters) -> Iterator[BrokenRule]:
    """Values that are right alone and wrong together (openai 3.54.0, `image_generate_params.py`)."""
    made = parameters.output_format or "png"
    streams = parameters.stream or (parameters.partial_images or 0) > 0
    for is_broken, name in (
        (parameters.transparent and made not in CLEAR_FORMATS, "background"),
        (parameters.output_compression not in (None, 100) and made not in ("webp", "jpeg"), "output_compression"),
        (streams and made in STILL_FORMATS, "stream"),
        (parameters.mask is not None and made == "gif", "mask"),
        ((parameters.n or 1) > 1 and made == "svg", "n"),
    ):
        if is_broken:
            yield BrokenRule("other format", name, getattr(parameters, name), made)
    for names, own in ((("frame_count", "frame_duration_ms"), "gif"), (("svg",), "svg")):
        if made != own and (given := [name for name in names if getattr(parameters, name) is not None]):
            yield BrokenRule("own format", given[0], getattr(parameters, given[0]), own)


def settled(parameters: Parameters) -> Parameters:
    """The parameters with what the API chooses where they do not say, or say `auto`.

    For parameters that break no rule. What comes out is no request: it has values for what a model does not take too.
    """
    model = parameters.model or DEFAULT_MODEL
    family = FAMILIES[model]
    legacy = family.legacy
    size = parameters.size if parameters.size not in (None, "auto") else "1024x1024"
    quality = parameters.quality or ("standard" if legacy else "auto")
    return replace(
        parameters,
        model=model,
        prompt=parameters.prompt or "",
        n=parameters.n or 1,
        size=size,
        # What the API chooses for `auto` is its own; recordings of gpt-image-1 without a quality show medium.
        quality="medium" if quality == "auto" else quality,
        background="transparent" if parameters.transparent else "opaque",
        output_format=parameters.output_format or "png",
        output_compression=100 if parameters.output_compression is None else parameters.output_compression,
        frame_count=parameters.frame_count or 9,
        frame_duration_ms=parameters.frame_duration_ms or 200,
        response_format=(parameters.response_format or "url") if legacy else "b64_json",
        stream=bool(parameters.stream),
        partial_images=parameters.partial_images or 0,
        safety_identifier=parameters.safety_identifier or parameters.user or None,
    )
