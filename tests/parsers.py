"""A parser that keeps the contract, written without this package; and the same with one bug each.

`parse` takes the body of an answer, `parse_stream` that of an event stream. Both give the final pictures in order,
and refuse with `ParserError`. `PLANTED` are ways to get it wrong that real code has: one class each, which overrides one
decision of `Parser`.
"""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

MOST_PIXELS = 64_000_000
KINDS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP"}


class ParserError(Exception):
    """An answer that this parser refuses."""


@dataclass(frozen=True)
class Picture:
    """A picture as it came: its bytes, format and size in pixels."""

    data: bytes
    format: str
    size: tuple[int, int]


class Parser:
    """The correct one. Each method is a decision; a planted bug overrides one of them."""

    def parse(self, body: bytes) -> list[Picture]:
        answer = self.document(body)
        if answer.get("error") is not None:
            raise ParserError(f"the API says: {answer['error']}")
        self.fields(answer)
        return [self.picture(item) for item in self.items(answer)]

    def parse_stream(self, body: bytes) -> list[Picture]:
        found, done = [], False
        for name, data in self.events(body):
            event = self.document(data.encode("utf-8", "surrogatepass"))
            if name == "error" or event.get("error") is not None:
                raise ParserError(f"the stream says: {event.get('error', event)}")
            kind = name if event.get("type") is None else event["type"]
            if not isinstance(kind, str):
                raise ParserError(f"an event without a type: {sorted(event)}")
            if not kind.startswith(("image_generation.", "image_edit.")):
                continue
            picture = self.event(kind, event)
            if self.final(kind):
                done = True
                found.append(picture)
        if not self.whole(done):
            raise ParserError("the stream ended before its picture was complete")
        return [picture for picture in found if picture is not None]

    def document(self, body: bytes) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ParserError(f"no JSON: {error}") from error
        if not isinstance(value, dict):
            raise ParserError(f"expected an object, got {type(value).__name__}")
        return value

    def items(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        data = answer.get("data") or []
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise ParserError("data is no list of images")
        if not data:
            raise ParserError("there is no image")
        return data

    def fields(self, answer: dict[str, Any]) -> None:
        self.time(answer.get("created"))
        for name in ("background", "output_format", "quality", "size", "safety_identifier"):
            self.text(name, answer.get(name))
        self.usage(answer.get("usage"))
        self.usage(answer.get("svg_usage"))

    def time(self, value: Any) -> None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value % 1):
            raise ParserError(f"created is {value!r}, not Unix seconds")

    def text(self, name: str, value: Any) -> None:
        if not isinstance(value, str | None):
            raise ParserError(f"{name} is {value!r}, not a text")

    def usage(self, usage: Any) -> None:
        if usage is None:
            return
        if not isinstance(usage, dict):
            raise ParserError(f"usage is {usage!r}")
        for name, value in usage.items():
            if name.endswith("_details"):
                self.usage(value)
            elif name.endswith("_tokens") and value is not None:
                self.tokens(name, value)
            elif name == "model":
                self.text(name, value)

    def tokens(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value % 1:
            raise ParserError(f"{name} is {value!r}, not a count")

    def picture(self, item: dict[str, Any]) -> Picture:
        for name in ("b64_json", "url", "revised_prompt"):
            self.text(name, item.get(name))
        payload = item.get("b64_json")
        if payload is None:
            raise ParserError(f"an image without b64_json: {sorted(item)}")
        return self.opened(self.decoded(payload))

    def decoded(self, payload: str) -> bytes:
        text = re.sub(r"\s", "", re.sub(r"^data:[^,]{0,100};base64,", "", payload, flags=re.IGNORECASE))
        text = text.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError as error:
            raise ParserError(f"no base64: {payload[:30]!r}") from error

    def opened(self, data: bytes) -> Picture:
        kind = next((kind for magic, kind in KINDS.items() if data.startswith(magic)), None)
        if kind is None:
            raise ParserError(f"no raster picture: {data[:12]!r}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(data), formats=[kind]) as image:
                    if image.width * image.height > MOST_PIXELS:
                        raise ParserError(f"{image.width}x{image.height} pixels are too many")
                    image.load()
                    size = image.size
        except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
            raise ParserError(f"a broken {kind}: {error}") from error
        self.complete(kind, data)
        return Picture(data, kind, size)

    def complete(self, kind: str, data: bytes) -> None:
        """What Pillow lets pass: a picture that stops before its end."""
        if kind == "JPEG" and b"\xff\xd9" not in data[2:]:
            raise ParserError("a JPEG without an end")
        if kind == "WEBP":
            self.chunks(data)
        if kind == "GIF" and not data.rstrip(b"\0").endswith((b"\x3b", b"\0\x3b")) and b"\x00\x3b" not in data[-64:]:
            raise ParserError("a GIF without its trailer")
        if kind == "PNG":
            self.rows(data)

    def chunks(self, data: bytes) -> None:
        """The chunks of a WebP fill what its header says (RFC 9649, section 2.4)."""
        at, end = 12, int.from_bytes(data[4:8], "little") + 8
        while at + 8 <= end:
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            at += 8 + length + length % 2
        if at != end or end > len(data):
            raise ParserError(f"a WebP of {len(data)} bytes whose header says {end}")

    def rows(self, data: bytes) -> None:
        """The rows of a PNG, counted (W3C PNG, section 7)."""
        width, height, depth, colour, method, filters, interlace = struct.unpack(">IIBBBBB", data[16:29])
        if method or filters or interlace > 1:
            raise ParserError("a PNG of no known method")
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        passes = ADAM7 if interlace else [(0, 0, 1, 1)]
        rows = [
            1 + (wide * depth * channels + 7) // 8
            for x, y, dx, dy in passes
            if (wide := -(-(width - x) // dx)) > 0
            for _ in range(-(-(height - y) // dy))
        ]
        raw, at, inflate = b"", 8, zlib.decompressobj()
        try:
            while at + 12 <= len(data):
                length, kind = struct.unpack(">I4s", data[at : at + 8])
                if kind == b"IDAT":
                    raw += inflate.decompress(data[at + 8 : at + 8 + length], sum(rows) + 1 - len(raw))
                at += length + 12
        except zlib.error as error:
            raise ParserError(f"a PNG whose data is broken: {error}") from error
        if len(raw) < sum(rows):
            raise ParserError(f"a PNG with {len(raw)} of {sum(rows)} bytes of rows")
        at = 0
        for row in rows:
            if raw[at] > 4:
                raise ParserError(f"a PNG row with filter {raw[at]}")
            at += row

    def event(self, kind: str, event: dict[str, Any]) -> Picture | None:
        self.fields(event)
        self.time(event.get("created_at"))
        if (index := event.get("partial_image_index")) is not None:
            self.tokens("partial_image_index", index)
        return self.picture(event)

    def final(self, kind: str) -> bool:
        return kind.endswith(".completed")

    def whole(self, done: bool) -> bool:
        return done

    def events(self, body: bytes) -> list[tuple[str, str]]:
        """Each event's name and data (WHATWG HTML, section 9.2.6)."""
        name, data, found = "", list[str](), []
        for line in re.split("\r\n|\n|\r", body.decode("utf-8-sig", "replace")):
            if not line:
                if data and data != ["[DONE]"]:
                    found.append((name, "\n".join(data)))
                name, data = "", []
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
        return found


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
parse = Parser().parse
parse_stream = Parser().parse_stream


PLANTED: list[type[Parser]] = []


def planted(bug: type[Parser]) -> type[Parser]:
    PLANTED.append(bug)
    return bug


class StreamParser(Parser):
    """One whose bug is in the reading of streams."""


@planted
class FirstItemUnlooked(Parser):
    """`data[0]` without a look."""

    def items(self, answer):
        return [answer["data"][0]]


@planted
class OnlyTheFirst(Parser):
    """Of several pictures the first is taken, the others are lost."""

    def items(self, answer):
        return super().items(answer)[:1]


@planted
class NoValidation(Parser):
    """`b64decode` without `validate` drops what is no base64."""

    def decoded(self, payload):
        text = (
            re.sub(r"^data:[^,]{0,100};base64,", "", payload, flags=re.IGNORECASE).replace("-", "+").replace("_", "/")
        )
        return base64.b64decode(text + "==")


@planted
class PrefixKept(Parser):
    """The prefix of a data URL is not stripped."""

    def decoded(self, payload):
        return super().decoded("!" if payload.startswith("data:") else payload)


@planted
class PaddingNeeded(Parser):
    """A payload without padding is refused."""

    def decoded(self, payload):
        return super().decoded("!" if len(re.sub(r"\s|^data:[^,]*,", "", payload)) % 4 else payload)


@planted
class NewlinesRefused(Parser):
    """A payload in lines is refused."""

    def decoded(self, payload):
        return super().decoded("!" if "\n" in payload else payload)


@planted
class UrlSafeUnknown(Parser):
    """The url-safe alphabet is not read."""

    def decoded(self, payload):
        return super().decoded("!" if "_" in payload or "-" in payload.partition(",")[2] + payload[:9] else payload)


@planted
class SizeTrusted(Parser):
    """A canvas is made of the size that is told, and filled with the pixels that came."""

    def parse(self, body):
        pictures, answer = super().parse(body), json.loads(body)
        for picture in pictures if "size" in answer and re.fullmatch(r"\d{1,4}x\d{1,4}", str(answer["size"])) else ():
            width, height = map(int, answer["size"].split("x"))
            Image.frombytes("L", (width, height), bytes(picture.size[0] * picture.size[1]))
        return pictures


@planted
class SizeAssumed(Parser):
    """The size is taken apart without a look whether it is there, and is numbers."""

    def fields(self, answer):
        super().fields(answer)
        _width, _height = (int(side) for side in answer["size"].split("x"))


@planted
class FormatTrusted(Parser):
    """Pillow is told to open what `output_format` says."""

    def parse(self, body):
        pictures, told = super().parse(body), json.loads(body).get("output_format")
        for picture in pictures:
            Image.open(io.BytesIO(picture.data), formats=[str(told or picture.format).upper()])
        return pictures


@planted
class AlphaAssumed(Parser):
    """What is told to be transparent is split into its channels."""

    def parse(self, body):
        pictures = super().parse(body)
        if json.loads(body).get("background") == "transparent":
            for picture in pictures:
                Image.open(io.BytesIO(picture.data)).getchannel("A")
        return pictures


@planted
class ColoursAssumed(Parser):
    """Every picture is taken for RGB or RGBA."""

    def opened(self, data):
        picture = super().opened(data)
        assert Image.open(io.BytesIO(data)).mode in ("RGB", "RGBA"), "an odd mode"
        return picture


@planted
class UsageAssumed(Parser):
    """`usage` is taken to be there."""

    def usage(self, usage):
        super().usage(usage)
        assert usage["total_tokens"] is not None


@planted
class UsageDetailsAssumed(Parser):
    """The details of a usage are taken to be there."""

    def usage(self, usage):
        super().usage(usage)
        if usage is not None and "total_tokens" in usage:
            assert usage["input_tokens_details"]["text_tokens"] is not None


@planted
class TokensCutToIntegers(Parser):
    """`int()` makes a count of a fraction."""

    def tokens(self, name, value):
        super().tokens(name, value if isinstance(value, bool | str) else int(value))


@planted
class NegativeTokens(Parser):
    """A negative count is taken."""

    def tokens(self, name, value):
        super().tokens(name, abs(value) if isinstance(value, int) else value)


@planted
class CreatedAsFloat(Parser):
    """`created` may be any number."""

    def time(self, value):
        super().time(0 if isinstance(value, float) else value)


@planted
class CreatedAsText(Parser):
    """`created` may be a date in words."""

    def time(self, value):
        super().time(None if isinstance(value, str) else value)


@planted
class CreatedAssumed(Parser):
    """`created` is taken to be there."""

    def fields(self, answer):
        super().fields(answer)
        assert answer["created"] is not None


@planted
class ErrorOverlooked(Parser):
    """An error with status 200 is taken for an answer without pictures."""

    def parse(self, body):
        answer = self.document(body)
        return super().parse(body) if answer.get("data") else []


@planted
class RawJSONError(Parser):
    """The error of the JSON decoder gets through."""

    def document(self, body):
        json.loads(body)
        return super().document(body)


@planted
class StrictUTF8(Parser):
    """The body is decoded before it is parsed, and what is no UTF-8 raises the codec's error."""

    def document(self, body):
        body.decode()
        return super().document(body)


@planted
class VerifiedOnly(Parser):
    """`verify()` in the place of `load()`: half a JPEG passes."""

    def opened(self, data):
        kind = next((kind for magic, kind in KINDS.items() if data.startswith(magic)), None)
        if kind != "JPEG":
            return super().opened(data)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.verify()
        except (OSError, SyntaxError) as error:
            raise ParserError(f"a broken JPEG: {error}") from error
        return Picture(data, kind, image.size)


@planted
class RowsNotCounted(Parser):
    """Pillow loads a PNG with half of its rows, and nobody counts them."""

    def rows(self, data):
        pass


@planted
class BombRaises(Parser):
    """Pillow's error for a decompression bomb gets through."""

    def opened(self, data):
        if len(data) < 2**20 and data.startswith(b"\x89PNG") and len(data) > 24:
            width, height = struct.unpack(">II", data[16:24])
            if width * height > 2 * (Image.MAX_IMAGE_PIXELS or 0):
                Image.open(io.BytesIO(data))
        return super().opened(data)


@planted
class PromptAssumed(Parser):
    """`revised_prompt` is a text wherever it is there."""

    def picture(self, item):
        assert item.get("revised_prompt", "").strip() is not None
        return super().picture(item)


@planted
class UrlFirst(Parser):
    """Where there is the key `url`, the picture is taken to be behind it."""

    def picture(self, item):
        if "url" in item and item.get("b64_json"):
            assert item["url"].startswith("https://")
        return super().picture(item)


@planted
class PartialTakenAsFinal(StreamParser):
    """The first picture of a stream is taken for the final one."""

    def final(self, kind):
        return True


@planted
class BreaksAtLineFeedsOnly(StreamParser):
    """Events end at two line feeds, and never at CRLF."""

    def events(self, body):
        return super().events(body.replace(b"\r", b" "))


@planted
class DoneParsed(StreamParser):
    """`[DONE]` is parsed as an event."""

    def events(self, body):
        return [*super().events(body), *([("", "[DONE]")] if b"[DONE]" in body else [])]


@planted
class NoCompletedAccepted(StreamParser):
    """A stream that ends early gives no picture, and no error."""

    def whole(self, done):
        return True


@planted
class OneLineOfData(StreamParser):
    """Of data in two lines the first is taken."""

    def events(self, body):
        return [(name, data.partition("\n")[0]) for name, data in super().events(body)]


@planted
class EveryEventAPicture(StreamParser):
    """What is no image event is taken for one."""

    def document(self, body):
        event = super().document(body)
        if "error" not in event:
            assert event["b64_json"] is not None
        return event
