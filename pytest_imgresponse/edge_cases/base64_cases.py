"""Cases at the level `base64`: payloads as servers write them, and what is no base64 (RFC 4648, section 4)."""

from __future__ import annotations

from pytest_imgresponse.edge_cases.mutators import map_payloads, map_pictures, redrawn
from pytest_imgresponse.edge_cases.predicates import content_of, opaque, payload
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

_PREFIX = "data:image/png;base64,"
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def no_jpeg(response: HTTPResponse) -> bool:
    """A 200 answer with raster pictures without alpha, of which none is a JPEG, and whose headers can be read."""
    return opaque(response) and not any(data.startswith(b"\xff\xd8") for data in content_of(response).pictures())


@edge_case("valid", "base64", seen="VOZEB-PRO#32", applies=no_jpeg)
def payload_like_a_path(response: HTTPResponse) -> HTTPResponse:
    """The pictures are JPEGs, whose base64 starts with `/9j/` and looks like a path."""
    return map_pictures(response, lambda data: redrawn(data, file_format="jpeg"))


@edge_case("unusual", "base64", seen="runpod/docs#149; apidog 750118 (mirror of xAI's documents)", applies=payload)
def data_url_prefix(response: HTTPResponse) -> HTTPResponse:
    """The payload starts with `data:image/png;base64,`, as several servers send it."""
    return map_payloads(response, lambda text: _PREFIX + text)


def padded(response: HTTPResponse) -> bool:
    """A response with a payload that ends in padding."""
    return any(text.endswith("=") for text in content_of(response).payloads())


@edge_case("unusual", "base64", seen="worker-comfyui#126; runpod/docs#149", applies=padded)
def missing_padding(response: HTTPResponse) -> HTTPResponse:
    """The payload lacks the `=` at its end."""
    return map_payloads(response, lambda text: text.rstrip("="))


@edge_case("unusual", "base64", seen="RFC 2045, section 6.8; ds4#950", applies=payload)
def newlines(response: HTTPResponse) -> HTTPResponse:
    """The payload is broken into lines of 76 characters, as e-mail does it."""
    return map_payloads(response, lambda text: "\r\n".join(_lines(text)) + "\r\n")


def _lines(text: str) -> list[str]:
    return [text[start : start + 76] for start in range(0, len(text), 76)]


def plus_or_slash(response: HTTPResponse) -> bool:
    """A response with a payload that has a `+` or a `/`."""
    return any("+" in text or "/" in text for text in content_of(response).payloads())


@edge_case("unusual", "base64", seen="RFC 4648, section 5; ds4#950", applies=plus_or_slash)
def urlsafe_alphabet(response: HTTPResponse) -> HTTPResponse:
    """The payload has `-` and `_` where base64 has `+` and `/`; lax decoders drop them and spoil the picture."""
    return map_payloads(response, lambda text: text.replace("+", "-").replace("/", "_"))


@edge_case("tolerated", "base64", seen="RFC 4648, section 3.5", applies=padded)
def pad_bits_not_zero(response: HTTPResponse) -> HTTPResponse:
    """The last character before the padding has bits that belong to no byte, and are not zero."""
    return map_payloads(response, _with_pad_bits)


def _with_pad_bits(text: str) -> str:
    head = text.rstrip("=")
    # Both one and two padding characters leave the lowest bit of the last character without a byte to belong to.
    changed = _CHARACTERS[_CHARACTERS.find(head[-1:]) | 1]
    return text if head == text else f"{head[:-1]}{changed}{text[len(head) :]}"


@edge_case("invalid", "base64", seen="senpi#1260", applies=payload)
def double_data_url_prefix(response: HTTPResponse) -> HTTPResponse:
    """The payload starts with `data:image/png;base64,` twice."""
    return map_payloads(response, lambda text: _PREFIX * 2 + text)


@edge_case("invalid", "base64", seen="RFC 4648, section 10 (the empty text is no picture)", applies=payload)
def payload_empty(response: HTTPResponse) -> HTTPResponse:
    """The payload is an empty text."""
    return map_payloads(response, lambda text: "")


@edge_case("invalid", "base64", seen="llxprt-code#3648", applies=payload)
def not_base64(response: HTTPResponse) -> HTTPResponse:
    """The payload is a sentence."""
    return map_payloads(response, lambda text: "The image could not be encoded.")


@edge_case("invalid", "base64", seen="RFC 4648, section 3.3", applies=payload)
def character_of_no_alphabet(response: HTTPResponse) -> HTTPResponse:
    """A character in the middle of the payload is `*`; lax decoders drop it and spoil the picture."""
    return map_payloads(response, lambda text: f"{text[: len(text) // 2]}*{text[len(text) // 2 + 1 :]}")


@edge_case("invalid", "base64", seen="RFC 4648, section 4", applies=payload)
def one_character_left(response: HTTPResponse) -> HTTPResponse:
    """The payload ends one character into a group of four, which makes no byte."""
    return map_payloads(response, lambda text: text.rstrip("=")[: len(text) // 8 * 4 + 1])


@edge_case("invalid", "base64", seen="RFC 4648, section 3.2", applies=payload)
def padding_in_the_middle(response: HTTPResponse) -> HTTPResponse:
    """Padding comes before more characters, as when two payloads are joined."""
    return map_payloads(response, lambda text: f"iVBORw0KGg=={text}")
