"""What the raster formats share: remarks, limits, and decoding by Pillow that lets no exception and no warning out."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Literal, NamedTuple

from PIL import Image, UnidentifiedImageError

from pytest_imgresponse.images import PIXEL_LIMIT, PIXEL_LIMIT_WORDS

Verdict = Literal["unusual", "tolerated", "invalid"]
SMALLEST_FRAME = 10_000
"""Pixels that a frame counts as at least: each costs time."""
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding about a picture alone: a verdict and a sentence, without a level and a path."""

    verdict: Verdict
    message: str


class Broken(Exception):  # noqa: N818 - becomes a remark, and is never seen outside
    """The picture is invalid; the message says why."""


class Pixels(NamedTuple):
    """What is to know of pixels after they were decoded.

    `opaque`: every pixel of every frame is; None where it is not known. `highest`: the highest index of a
    palette that the first frame uses. `refusal`: why Pillow did not decode them, in a few words; `bomb` where
    that was the user's own `Image.MAX_IMAGE_PIXELS`.
    """

    opaque: bool | None = None
    highest: int | None = None
    refusal: str = ""
    bomb: bool = False


class Raster:
    """A raster picture, by its structure: a subclass reads one format, and decodes no pixel to do so.

    Its constructor raises `Broken` for a file that is invalid by its structure. `width` and `height` are in
    pixels, `frames` are those of an animation, `remarks` what was found so far. `content` is what Pillow is given:
    the file, or what of it holds the pixels where the rest has to be kept from Pillow.
    """

    name: str
    """What messages call the format; Pillow knows it by the same name."""
    width: int
    height: int
    frames: int = 1
    copies: int = 1
    """As how many pixels Pillow's decoder holds one: those that keep a second copy of the picture count twice."""
    key_is_lost: bool = False
    """Whether the transparent colour is not known any more once Pillow has made 8 bits of 16."""

    def __init__(self, data: bytes) -> None:
        self.remarks: list[Remark] = []
        self.content = data

    @property
    def area(self) -> int:
        """The pixels that decoding one frame takes."""
        return self.width * self.height

    @property
    def load(self) -> int:
        """What decoding one frame takes, for the pixel limit: its pixels, with the copies of them."""
        return self.area * self.copies

    @property
    def cost(self) -> int:
        """The pixels that are decoded to judge this file, frame by frame and up to the limit: its time."""
        return min(max(self.area, SMALLEST_FRAME) * self.frames, PIXEL_LIMIT)

    def say(self, verdict: Verdict, message: str) -> None:
        """Add a remark."""
        self.remarks.append(Remark(verdict, message))

    def set_size(self, width: int, height: int) -> None:
        """Take the size from the header. Raises `Broken` where there is not a pixel."""
        if not width or not height:
            raise Broken(f"{self.name} has {width}x{height} pixels: a picture has 1x1 or more")
        self.width, self.height = width, height

    def end(self, data: bytes, end: int) -> None:
        """Remark on what comes after the picture's end."""
        if (beyond := len(data) - end) > 0:
            self.say("unusual", f"{self.name} ends at byte {end}, and {beyond} bytes come after it")

    def inspect(self) -> None:
        """Read what takes time, and is not needed to tell the cost. Raises `Broken`."""

    def over_limit(self) -> str | None:
        """What is too much to decode, as a sentence; None where nothing is."""
        if self.load <= PIXEL_LIMIT:
            return None
        size = f"{self.width}x{self.height} pixels"
        return f"{self.name} has {size}, {PIXEL_LIMIT_WORDS} of {PIXEL_LIMIT // self.copies}: not decoded"

    def pixels(self, frames: int) -> Pixels:
        """The pixels of the first frames, fully decoded. Raises `Broken` where they cannot be."""
        pixels = decoded(self.content, self.name, frames)
        if pixels.bomb:
            self.say("unusual", f"{self.name} is over the limit that is set here for Pillow: {pixels.refusal}")
        elif pixels.refusal:
            return self.second_look(pixels.refusal)
        return pixels

    def second_look(self, refusal: str) -> Pixels:
        """What Pillow refused, looked at again: a remark where the file is not to blame, `Broken` where it is."""
        raise Broken(f"{self.name} cannot be decoded: {refusal}")


def decoded(content: bytes, file_format: str, frames: int) -> Pixels:
    """The first frames, decoded one after the other. The caller has judged their size in pixels."""
    with quiet():
        try:
            return _decoded(content, file_format, frames)
        except Image.DecompressionBombError as error:
            return Pixels(refusal=str(error), bomb=True)
        except UnidentifiedImageError:
            return Pixels(refusal="Pillow makes nothing of its header")  # its message holds an address in memory
        except Exception as error:  # noqa: BLE001 - on hostile bytes Pillow raises whatever happens to it
            return Pixels(refusal=f"Pillow says {str(error) or type(error).__name__!r}")


def _decoded(content: bytes, file_format: str, frames: int) -> Pixels:
    opaque, highest = True, None
    with Image.open(BytesIO(content), formats=[file_format]) as image:
        for frame in range(frames):
            image.seek(frame)
            # A file can be made so that Pillow finds frames in it where no other reader does.
            if image.width * image.height > PIXEL_LIMIT:
                raise ValueError(f"{image.width}x{image.height} pixels in frame {frame}")
            image.load()
            if frame == 0 and image.mode == "P":
                highest = image.getextrema()[1]
            opaque = opaque and _is_opaque(image)
    return Pixels(opaque, highest)  # type: ignore[arg-type] # of one band it is a number


def _is_opaque(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    alpha = image if "A" in image.getbands() else image.convert("RGBA")
    return alpha.getchannel("A").getextrema()[0] == 255


@contextmanager
def quiet() -> Iterator[None]:
    """No warning gets out. Taken by one thread at a time, since the filters of warnings belong to the process."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def chunk_name(kind: bytes) -> str:
    """The type of a chunk for a message, whatever its bytes are."""
    return repr(kind)[2:-1]
