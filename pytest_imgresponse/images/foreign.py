"""What bytes are that are no picture of the API: of another format, or no picture at all."""

from __future__ import annotations

from pytest_imgresponse.images.raster import Remark

_EXPECTED = "expected PNG, JPEG, WebP, GIF or SVG"
_PICTURES = (
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"qoif", "a QOI"),
    (b"8BPS\0\1", "a PSD"),
    (b"\0\0\1\0", "an ICO"),
)
# ISO/IEC 23008-12 (HEIF): the major brand, which follows `ftyp` at byte 4.
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF"}
_OTHERS = (
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89PNG", "a PNG whose first 8 bytes are damaged"),
    (b"RIFF", "a RIFF file that is no WebP"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
_SHORTEST = 16


def foreign(data: bytes, known: str = "") -> Remark:
    """What the bytes are. `known` is what was found out already.

    A picture of another format is tolerated: no document names it, some decoders read it. It is not decoded
    here, and what is shorter than any picture is none.
    """
    if picture := _picture(data):
        return Remark("tolerated", f"{picture} picture of {len(data)} bytes, not decoded: {_EXPECTED}")
    return Remark("invalid", f"no picture, but {known or _what(data)}: {_EXPECTED}")


def _picture(data: bytes) -> str | None:
    if len(data) < _SHORTEST:
        return None
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0":  # the reserved bytes
        return "a BMP"
    return next((name for start, name in _PICTURES if data.startswith(start)), None)


def _what(data: bytes) -> str:
    for start, name in _OTHERS:
        if data.startswith(start):
            return name
    if not data:
        return "0 bytes"
    beginning = data[:24]
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in beginning):
        text = beginning.decode("ascii").strip()
        what = "HTML" if text[:14].lower().startswith(("<!doctype html", "<html")) else "text"
        what = "JSON" if text.startswith(("{", "[")) else what
        return f"{what} of {len(data)} bytes that begin {text!r}"
    return f"{len(data)} bytes that begin {beginning[:8].hex(' ')}"
