"""The judging of a request's parameters, in the API's own words.

Wording: recorded where a comment says so, else as quoted in public reports of the live API.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_imgresponse.api.answers import Refused
from pytest_imgresponse.api.families import (
    CLEAR_FORMATS,
    DEFAULT_MODEL,
    FAMILIES,
    FEWEST_PIXELS,
    LONGEST_EDGE,
    MOST_PIXELS,
    STILL_FORMATS,
    Family,
)
from pytest_imgresponse.endpoint.bodies import Body, Upload, wrong_type

Operation = Literal["generations", "edits", "variations"]


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was accepted: every parameter settled, nothing left to judge."""

    operation: Operation
    model: str
    family: Family
    prompt: str
    n: int
    width: int
    height: int
    quality: str
    transparent: bool
    file_format: str
    compression: int
    frames: int
    duration: int
    stream: bool
    partials: int
    by_url: bool
    safety_identifier: str | None
    svg_model: str
    images: tuple[Upload, ...]
    mask: Upload | None

    @property
    def size(self) -> str:
        """`WIDTHxHEIGHT`, in pixels."""
        return f"{self.width}x{self.height}"


def order(operation: Operation, body: Body) -> Order:
    """The order that a body places. Raises `Refused`."""
    judge = _Judge(body)
    model, family = _model(operation, judge)
    taken = _taken(operation, family)
    for name in body.values:
        if name not in taken:
            raise Refused(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    prompt = "" if operation == "variations" else judge.prompt(family.longest_prompt)
    _files(operation, family, body)
    n = judge.integer("n", 1, family.most, 1)
    width, height = _size(family, judge.text("size"))
    quality = judge.choice("quality", family.qualities, "standard" if family.legacy else "auto")
    file_format = judge.choice("output_format", family.formats, "png")
    background = judge.choice("background", ("transparent", "opaque", "auto"), "auto")
    compression = judge.integer("output_compression", 0, 100, 100)
    stream = judge.flag("stream")
    judge.choice("moderation", ("low", "auto"), "auto")
    judge.choice("style", ("vivid", "natural"), "vivid")
    judge.choice("input_fidelity", ("high", "low"), "low")
    judge.choice("complexity", ("low", "medium", "high"), "medium")
    by_url = judge.choice("response_format", ("url", "b64_json"), "url") == "url" and family.legacy
    partials = judge.integer("partial_images", 0, 3, 0)
    frames = judge.integer("frame_count", 2, 16, 9)
    duration = judge.integer("frame_duration_ms", 1, 655_350, 200)
    _together(file_format, background, compression, n, stream=stream or partials > 0, masked=body.mask is not None)
    if file_format != "gif" and (only := {"frame_count", "frame_duration_ms"} & body.values.keys()):
        raise Refused("Only supported with output_format 'gif'.", param=min(only), code="invalid_value")
    return Order(
        operation=operation,
        model=model,
        family=family,
        prompt=prompt,
        n=n,
        width=width,
        height=height,
        # What the API chooses for `auto` is its own; recordings of gpt-image-1 without a quality show medium.
        quality="medium" if quality == "auto" else quality,
        transparent=background == "transparent",
        file_format=file_format,
        compression=compression,
        frames=frames,
        duration=duration,
        stream=stream,
        partials=partials,
        by_url=by_url,
        safety_identifier=judge.text("safety_identifier") or judge.text("user"),
        svg_model=_svg_model(file_format, body.values.get("svg")),
        images=body.images,
        mask=body.mask,
    )


class _Judge:
    """Takes typed values out of a body; in a form every value is a text. An explicit null is an omission."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def text(self, name: str) -> str | None:
        value = self._body.values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, "a string", value)
        return value

    def prompt(self, longest: int) -> str:
        if self._body.values.get("prompt") is None:
            raise Refused("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
        prompt = self.text("prompt") or ""
        if not prompt:
            raise Refused(
                "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty "
                "string instead.",
                param="prompt",
                code="empty_string",
            )
        if len(prompt) > longest:
            raise Refused(
                f"Invalid 'prompt': string too long. Expected a string with maximum length {longest}, but "
                f"got a string with length {len(prompt)} instead.",
                param="prompt",
                code="string_above_max_length",
            )
        return prompt

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self._body.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise wrong_type(name, f"one of {_listed(allowed, 'or')}", value)
        if value not in allowed:
            # Recorded for `model`: maruel/genai, bad_model.
            raise Refused(
                f"Invalid value: '{value}'. Supported values are: {_listed(allowed, 'and')}.",
                param=name,
                code="invalid_value",
            )
        return value

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        value = self._body.values.get(name)
        if value is None:
            return default
        if self._body.form and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, "an integer", value)
        for wrong, side, sign, bound in (
            (value < low, "below minimum", ">=", low),
            (value > high, "above maximum", "<=", high),
        ):
            if wrong:
                raise Refused(
                    f"Invalid '{name}': integer {side} value. Expected a value {sign} {bound}, but got "
                    f"{value} instead.",
                    param=name,
                    code=f"integer_{side[:5]}_{side[6:9]}_value",
                )
        return value

    def flag(self, name: str) -> bool:
        value = self._body.values.get(name)
        if self._body.form and value in ("true", "false"):
            return bool(value == "true")
        if value is not None and not isinstance(value, bool):
            raise wrong_type(name, "a boolean", value)
        return value is True


def _model(operation: Operation, judge: _Judge) -> tuple[str, Family]:
    if operation == "variations":
        model = judge.text("model") or DEFAULT_MODEL
        if model != "dall-e-2":
            # Recorded: openllmetry-js, image variation.
            raise Refused(f"Invalid model {model}. The model argument should be left blank.")
        return model, FAMILIES[model]
    able = [name for name, family in FAMILIES.items() if operation == "generations" or family.edits is not None]
    model = judge.choice("model", able, DEFAULT_MODEL)
    return model, FAMILIES[model]


def _taken(operation: Operation, family: Family) -> frozenset[str]:
    if operation == "variations":
        return frozenset({"model", "n", "response_format", "size", "user"})
    return family.generations if operation == "generations" else family.edits or frozenset()


def _files(operation: Operation, family: Family, body: Body) -> None:
    if operation == "generations":
        for upload in (*body.images, *([body.mask] if body.mask else [])):
            name = upload.name.partition("[")[0]
            raise Refused(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        return
    if not body.images:
        name = "image" if body.form else "images"
        raise Refused(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if len(body.images) > family.uploads:
        raise Refused(
            f"Invalid 'image': array too long. Expected an array with maximum length {family.uploads}, but "
            f"got an array with length {len(body.images)} instead.",
            param="image",
            code="array_above_max_length",
        )
    for upload in (*body.images, *([body.mask] if body.mask else [])):
        allowed = ("image/png",) if upload is body.mask else family.mimetypes
        if upload.mimetype not in allowed:
            # Recorded: ruby_llm, rejects_edits_with_a_URL_having_invalid_content_type.
            raise Refused(
                f"Invalid file '{upload.name}': unsupported mimetype ('{upload.mimetype}'). Supported file "
                f"formats are {_listed(allowed, 'and')}.",
                param=upload.name,
                code="unsupported_file_mimetype",
            )


def _size(family: Family, wanted: str | None) -> tuple[int, int]:
    if family.sizes:
        default = family.sizes[0] if not family.legacy else "1024x1024"
        if wanted is not None and wanted not in family.sizes:
            raise Refused(
                f"Invalid value: '{wanted}'. Supported values are: {_listed(family.sizes, 'and')}.",
                param="size",
                code="invalid_value",
            )
        wanted = default if wanted in (None, "auto") else wanted
    found = re.fullmatch(
        r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", "1024x1024" if wanted in (None, "auto") else wanted or ""
    )
    if found is None:
        raise _bad_size(wanted, "Expected WIDTHxHEIGHT, for example '1824x1024'.")
    width, height = int(found[1]), int(found[2])
    if not family.sizes:
        for wrong, reason in (
            (width % 16 or height % 16, "Width and height must both be divisible by 16."),
            (max(width, height) > LONGEST_EDGE, f"The longest edge must be less than or equal to {LONGEST_EDGE}."),
            (max(width, height) > 3 * min(width, height), "The aspect ratio must be between 1:3 and 3:1."),
            (width * height < FEWEST_PIXELS, "Requested resolution is below the current minimum pixel budget."),
            (width * height > MOST_PIXELS, "Requested resolution is above the current maximum pixel budget."),
        ):
            if wrong:
                raise _bad_size(wanted, reason)
    return width, height


def _bad_size(size: str | None, reason: str) -> Refused:
    return Refused(
        f"Invalid size '{size}'. {reason}",
        param="size",
        code="invalid_value",
        kind="image_generation_user_error",
    )


def _together(file_format: str, background: str, compression: int, n: int, *, stream: bool, masked: bool) -> None:
    """Values that are right alone and wrong together (openai 3.54.0, `image_generate_params.py`)."""
    moving = file_format in STILL_FORMATS
    for wrong, param, message in (
        (
            background == "transparent" and file_format not in CLEAR_FORMATS,
            "background",
            f"Transparent background is not supported for {file_format.upper()} output format",
        ),
        (
            compression < 100 and file_format not in ("webp", "jpeg"),
            "output_compression",
            f"Compression less than 100 is not supported for {file_format.upper()} output format",
        ),
        (moving and stream, "stream", f"Streaming is not supported for {file_format.upper()} output format"),
        (file_format == "gif" and masked, "mask", "Masks are not supported for GIF output format"),
        (file_format == "svg" and n > 1, "n", "SVG output format requires n=1"),
    ):
        if wrong:
            raise Refused(message, param=param, code="invalid_value")


def _svg_model(file_format: str, svg: object) -> str:
    if svg is None:
        return "gpt-5"
    if not isinstance(svg, dict):
        raise wrong_type("svg", "an object", svg)
    if file_format != "svg":
        raise Refused("Only supported with output_format 'svg'.", param="svg", code="invalid_value")
    return str(svg.get("model") or "gpt-5")


def _listed(names: Sequence[str], word: str) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return f" {word} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {word} {quoted[-1]}"
