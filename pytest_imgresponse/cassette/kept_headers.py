"""The headers of an answer that a cassette keeps: what clients act on.

These are what HTTP gives a meaning, what the providers' documents and recordings show, and what the user names.
Cookies and challenges are kept without their secrets: a session has its cookie on replay, and digest authentication
its challenge, both with placeholder values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase

from pytest_imgresponse.http import Pairs

Replace = Callable[[str, str], str]
"""Gives the placeholder of a value, which is handed over with its place: `set-cookie sid`, `www-authenticate nonce`."""

_BY_HTTP = (
    # RFC 9110 and 9111; RFC 6266, 8288, 5789, 7240, 8594, 9745; of resumable uploads tus 1.0
    r"accept-(?:patch|post|ranges)|age|allow|cache-control|content-(?:disposition|encoding|language|length|location|range"
    r"|type)|date|deprecation|etag|expires|last-modified|link|location|preference-applied|refresh|retry-after.*|sunset|vary"
    r"|warning|(?:x-)?ratelimit.*|tus-.*|upload-(?:expires|length|offset)"
)
_BY_PROVIDER = (
    # OpenAI
    r"openai-(?:model|processing-ms|version)|x-request-id|x-should-retry",
    # Azure
    r"operation-location|api-supported-versions|x-ms-(?:error-code|rai-invoked|region|retry-after-ms)",
    # Stability, fal, Replicate, Together, Fireworks, NVIDIA
    r"seed|finish-reason|x-fal-(?:billable-units|error-type|needs-retry|request-id|request-timeout-type|retryable)",
    r"x-api-(?:call-end|call-start|received)|x-image-version|x-tokenlimit-.*|fireworks-.*|nvcf-(?:reqid|status)",
    # Amazon Bedrock; Google
    r"x-amzn-(?:bedrock-.*|errortype)|x-goog-upload-.*|x-goog-(?:generation|stored-content-.*)",
    # Cloudflare, Hugging Face, OpenRouter, xAI, LiteLLM
    r"cf-aig-(?:cache-status|event-id|log-id|step)|x-generation-id|x-provider-name|x-metrics-.*|x(?:-zero)?-data-retention",
    r"x-(?:compute|error|linked)-[a-z]+|x-(?:inference|queue|total|validation)-time|x-time-per-token|x-repo-commit",
    r"x-(?:generated|prompt)-tokens|x-inference-(?:id|provider)|x-litellm-(?:call-id|model-.*|response-cost.*|version)",
    # Clipdrop, Segmind, remove.bg, Photoroom: what a picture cost, and what it is
    r"x-credits-.*|x-(?:consumed|remaining)-credits|x-(?:width|height|type|foreground-.*)|x-uncertainty-score",
)
_KEPT = re.compile("|".join((_BY_HTTP, *_BY_PROVIDER)))
_CHALLENGES = ("www-authenticate", "proxy-authenticate")
# Of requests at providers whose clients show them; they lead to an account.
_IDS = ("apim-request-id", "request-id", "x-amz-request-id", "x-amzn-requestid", "x-ms-request-id")
# What clients verify a body by: wrong for one that was redacted.
_OF_THE_BODY = re.compile(r"content-md5|(?:content-|repr-)?digest|x-amz-checksum-.*|x-goog-hash")

_NOT_WORTH_NAMING = re.compile(
    # of the connection, the server and those between; security of browsers; stores of blobs; traces; ids never kept
    r"connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|alt-svc|server|server-timing|via|pragma"
    r"|x-(?:powered|served)-by|x-cache.*|x-timer|x-varnish|x-backend.*|x-envoy-.*|x-kong-.*|x-runtime|x-azure-ref|x-amz-cf-.*"
    r"|x-msedge-ref|x-fb-.*|cf-(?!aig-).*|fly-.*|x-consumed-content-encoding|x-http-reason|strict-transport-security|x-content-type-options"
    r"|x-frame-options|x-xss-protection|x-download-options|x-permitted-cross-domain-policies|x-dns-prefetch-control"
    r"|x-robots-tag|origin-agent-cluster|permissions-policy|referrer-policy|content-security-policy.*|cross-origin-.*"
    r"|access-control-.*|timing-allow-origin|expect-ct|nel|p3p|report-to|reporting-endpoints|traceparent|tracestate|baggage"
    r"|x-ms-(?:blob|copy|creation|lease|server|version).*|x-amz-(?:id-2|server-side-encryption.*|storage-class)"
    r"|x-goog-(?:metageneration|storage-class)|x-guploader-.*"
    r"|x-b3-.*|x-cloud-trace-context|x-amzn-trace-id|openai-(?:organization|project)|(?:proxy-)?authentication-info"
)

# RFC 6265, section 4.1.1, and what browsers have added
_COOKIE_ATTRIBUTES = frozenset(
    {"domain", "expires", "httponly", "max-age", "partitioned", "path", "priority", "samesite", "secure"}
)
_NEXT_COOKIE = re.compile(r",\s*(?=[^\s;,=]+=)")
"""Between two cookies in one line, as some clients join them; not the comma within a date."""
_NAMED_SECRET = re.compile(
    r"(?i)(?<![\w-])(?P<name>(?:c|next|s)?nonce|opaque|rspauth|[\w-]*(?:key|secret|signature|ticket|token))(?P<is>\s*=\s*)"
    r'(?P<quote>"?)(?P<value>(?<=")(?:[^"\\]|\\.)+|(?<!")[^\s,"]+)'
)
_TOKEN_OF_SCHEME = re.compile(r"(?:^|(?<=,))(?P<is>\s*[A-Za-z][\w-]*\s+)(?P<value>[\w.~+/-]+=*)(?=\s*(?:,|$))")
"""A token right behind the name of its scheme, as of Negotiate (RFC 9110, section 11.2)."""


def is_kept(name: str, keep: Collection[str] = ()) -> bool:
    """Whether a header of this name is kept; `keep` holds more names, or patterns such as `x-acme-*`."""
    name = name.lower()
    if name == "set-cookie" or name in _CHALLENGES or name in _IDS:
        return True
    if _KEPT.fullmatch(name) or _OF_THE_BODY.fullmatch(name):
        return True
    return any(fnmatchcase(name, pattern.lower()) for pattern in keep)


def of_response(headers: Pairs, keep: Collection[str], replace: Replace, *, body_changed: bool = False) -> Pairs:
    """The headers that are kept, in order, their secrets replaced; without digests of a body that was changed."""
    kept = []
    date = next((value for name, value in headers if name.lower() == "date"), None)
    for name, value in headers:
        lower = name.lower()
        if not is_kept(lower, keep) or (body_changed and _OF_THE_BODY.fullmatch(lower)):
            continue
        if lower == "set-cookie":
            cookies = [_cookie(cookie, replace, date) for cookie in _NEXT_COOKIE.split(value)]
            value = ", ".join(filter(None, cookies))
        elif lower in _CHALLENGES:
            value = _challenge(value, lower, replace)
        elif lower in _IDS:
            value = replace(value, lower)
        if value or lower != "set-cookie":
            kept.append((name, value))
    return tuple(kept)


def left_out(headers: Pairs, keep: Collection[str] = ()) -> Iterator[str]:
    """The names of the headers that are not kept and that a client might miss, in lower case."""
    for name, _ in headers:
        if not is_kept(name, keep) and not _NOT_WORTH_NAMING.fullmatch(name.lower()):
            yield name.lower()


def _cookie(cookie: str, replace: Replace, date: str | None) -> str:
    """A cookie with a placeholder for its value, its attributes as they are; empty for what is no cookie.

    A date on which it expires becomes the seconds until then, so that it has not expired on replay.
    """
    pair, *attributes = cookie.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return ""
    plain = value.strip().strip('"')
    kept = [f"{name.strip()}={replace(plain, f'set-cookie {name.strip()}') if plain else value.strip()}"]
    known = [(part.partition("=")[0].strip().lower(), part.strip()) for part in attributes]
    for word, attribute in known:
        if word == "expires" and (age := _max_age(attribute.partition("=")[2], date)):
            kept += [] if "max-age" in dict(known) else [age]
        elif word in _COOKIE_ATTRIBUTES:
            kept.append(attribute)
    return "; ".join(kept)


def _max_age(expires: str, date: str | None) -> str | None:
    """The seconds between two dates as an attribute; None where there are none, or where one is no date."""
    until = _seconds(expires)
    since = _seconds(date) if date else time.time()
    return f"Max-Age={int(until - since)}" if until and since and until > since else None


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _challenge(value: str, header: str, replace: Replace) -> str:
    """A challenge with placeholders for its secrets; its schemes and its other parameters are as they were."""

    def without(found: re.Match[str]) -> str:
        place = found.groupdict().get("name") or "token"
        return found[0][: found.start("value") - found.start()] + replace(found["value"], f"{header} {place.lower()}")

    return _TOKEN_OF_SCHEME.sub(without, _NAMED_SECRET.sub(without, value))
