"""The store behind a picture's url: links that are signed and expire, and what it answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random, SystemRandom
from urllib.parse import quote
from xml.sax.saxutils import escape

from pytest_imgresponse.http import HTTPResponse

LINK_SECONDS = 3600
"""How long a picture's url works (the images reference: "URLs are only valid for 60 minutes")."""

_STORE = "https://oaidalleapiprodscus.blob.core.windows.net"
_SAS_VERSION = "2024-08-04"
_SYSTEM = SystemRandom()


def signed_query(secret: bytes, path: str, created: float) -> str:
    """The query of a picture's url: an Azure shared access signature, its parameters as recorded."""
    start, end, tomorrow = (quote(_iso(created + more), safe="") for more in (-3600, LINK_SECONDS, 86400))
    query = (
        f"st={start}&se={end}&sp=r&sv={_SAS_VERSION}&sr=b&rscd=inline&rsct=image/png"
        "&skoid=38e27a3b-6174-4d3e-90ac-d7d9ad49543f&sktid=a48cca56-e6da-484e-a814-9c849652bcb3"
        f"&skt={start}&ske={tomorrow}&sks=b&skv={_SAS_VERSION}"
    )
    return f"{query}&sig={_signature(secret, path, query)}"


def signed_url(secret: bytes, path: str, created: float) -> str:
    """The url of a picture in the real API's store, as recorded (ruby-openai, images_generations)."""
    return f"{_STORE}{path}?{signed_query(secret, path, created)}"


def picture_url(number: int, created: float) -> str:
    """The url of the picture of a number in the real API's store; it works for an hour."""
    path = f"/private/org-local0123456789ABCDEFGHI/user-local0123456789ABCDEFGH/img-{number:024d}.png"
    return signed_url(b"the store's own", path, created)


def _signature(secret: bytes, path: str, query: str) -> str:
    digest = hmac.new(secret, f"{path}?{query}".encode(), hashlib.sha256).digest()
    return quote(base64.b64encode(digest).decode(), safe="/")


def blob(
    secret: bytes, path: str, query: str, now: float, content: bytes | None, *, entropy: Random = _SYSTEM
) -> HTTPResponse:
    """The blob store's answer: the picture, or Azure's XML for one unknown, expired or badly signed."""
    if content is None:
        return _azure(now, 404, "BlobNotFound", "The specified blob does not exist.", entropy=entropy)
    signed, _, signature = query.rpartition("&sig=")
    refusal = (
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature."
    )
    if not hmac.compare_digest(signature.encode(), _signature(secret, path, signed).encode()):
        detail = f"Signature did not match. String to sign used was {path}"
        return _azure(now, 403, "AuthenticationFailed", refusal, detail, entropy=entropy)
    found = re.match(r"st=([^&]*)&se=([^&]*)&", signed)
    assert found, "what carries our signature has our form"
    start, end = (datetime.fromisoformat(text.replace("%3A", ":")).timestamp() for text in found.groups())
    if now >= end:
        spans = [formatdate(moment, usegmt=True) for moment in (start, end, now)]
        detail = "Signature not valid in the specified time frame: Start [{}] - Expiry [{}] - Current [{}]".format(
            *spans
        )
        return _azure(now, 403, "AuthenticationFailed", refusal, detail, entropy=entropy)
    return HTTPResponse(
        200,
        [
            *_azure_headers(now, "image/png", entropy),
            ("x-ms-blob-type", "BlockBlob"),
            ("content-disposition", "inline"),
            ("etag", f'"0x{hashlib.sha256(content).hexdigest()[:15].upper()}"'),
        ],
        content,
    )


def _azure(now: float, status: int, code: str, message: str, detail: str = "", *, entropy: Random) -> HTTPResponse:
    """An error of Azure's blob store, as quoted in public (Azure Storage, "Status and error codes")."""
    sent = _azure_headers(now, "application/xml", entropy)
    identity = dict(sent)["x-ms-request-id"]
    more = f"<AuthenticationErrorDetail>{escape(detail)}</AuthenticationErrorDetail>" if detail else ""
    body = (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}\n'
        f"RequestId:{identity}\nTime:{_iso(now)}</Message>{more}</Error>"
    )
    return HTTPResponse(status, [*sent, ("x-ms-error-code", code)], body.encode())


def _azure_headers(now: float, content_type: str, entropy: Random) -> list[tuple[str, str]]:
    tail = entropy.randbytes(12).hex()
    return [
        ("content-type", content_type),
        ("server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"),
        ("x-ms-request-id", f"{tail[:8]}-{tail[8:12]}-{tail[12:16]}-{tail[16:20]}-{tail[20:]}00000000"),
        ("x-ms-version", _SAS_VERSION),
        ("date", formatdate(now, usegmt=True)),
    ]


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
