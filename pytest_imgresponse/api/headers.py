"""The headers of the real API."""

from __future__ import annotations

import base64
from email.utils import formatdate
from random import Random, SystemRandom

ORGANIZATION = "local-imgresponse"
"""The organization whose answers are made here, where no other is named."""
_PROJECT = "proj_local0123456789ABCDEFGHIJ"
_SYSTEM = SystemRandom()


def request_id(entropy: Random = _SYSTEM) -> str:
    """A fresh `x-request-id`."""
    return f"req_{entropy.randbytes(16).hex()}"


def response_headers(
    now: float,
    identity: str,
    *,
    organization: str | None,
    content_type: str = "application/json",
    ms: int = 0,
    entropy: Random = _SYSTEM,
) -> list[tuple[str, str]]:
    """The header set of the real API, in its order, from recordings of 2025 and 2026.

    `now` is in Unix seconds, `ms` the processing time; `organization` is None before a key is accepted.
    What is random in them is drawn from `entropy`.
    """

    def token(size: int) -> str:
        return base64.urlsafe_b64encode(entropy.randbytes(size)).decode().rstrip("=")

    ray = entropy.randbytes(8).hex()
    expires = formatdate(now + 1800, usegmt=True)
    scope = "domain=.api.openai.com; HttpOnly; Secure; SameSite=None"
    cookie = f"{token(32)}-{int(now)}-1.0.1.1-{token(64)}"
    known = [("openai-organization", organization), ("openai-project", _PROJECT)] if organization else []
    return [
        ("date", formatdate(now, usegmt=True)),
        ("content-type", content_type),
        ("openai-version", "2020-10-01"),
        *known,
        ("x-request-id", identity),
        ("openai-processing-ms", str(ms)),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("cf-cache-status", "DYNAMIC"),
        ("set-cookie", f"__cf_bm={cookie}; path=/; expires={expires}; {scope}"),
        (
            "set-cookie",
            f"_cfuvid={token(32)}-{int(now * 1000)}-0.0.1.1-604800000; path=/; {scope}",
        ),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("server", "cloudflare"),
        ("cf-ray", f"{ray}-EWR"),
        ("alt-svc", 'h3=":443"; ma=86400'),
    ]


def seeded_headers(
    seed: int,
    now: float,
    *,
    identity: str | None = None,
    organization: str | None = ORGANIZATION,
    content_type: str = "application/json",
    ms: int | None = None,
) -> list[tuple[str, str]]:
    """The same headers for the same seed: what is random in them is drawn from it, and what is not given here."""
    entropy = Random(seed)  # noqa: S311 - no secret
    identity = identity or request_id(entropy)
    ms = entropy.randrange(3000, 60000) if ms is None else ms
    return response_headers(now, identity, organization=organization, content_type=content_type, ms=ms, entropy=entropy)
