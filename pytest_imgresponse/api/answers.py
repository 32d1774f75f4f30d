"""What the API answers: bodies, errors and headers in the form in which the real one sends them."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from random import Random, SystemRandom
from typing import Any

from pytest_imgresponse.errors import ConfigError

ORGANIZATION = "local-imgresponse"
"""Whose answers are made here, where nothing else is said."""
_PROJECT = "proj_local0123456789ABCDEFGHIJ"
_SYSTEM = SystemRandom()


class Refused(Exception):  # noqa: N818 - what the client is told, not a failure of this code
    """A request that the API answers with an error; the fields are those of its `error`."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
        status: int = 400,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}

    @property
    def body(self) -> bytes:
        """The error as JSON."""
        return pretty({"error": self.error})


@dataclass(frozen=True, slots=True)
class Failure:
    """A row of `FAILURES`.

    Its texts are templates of `$organization`, `$request_id`, `$model`, `$key` and what `details` names.
    """

    status: int
    error: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()

    def refusal(self, facts: Mapping[str, Any]) -> Refused:
        """The error, filled in."""
        known = {**self.details, **facts}
        refused = Refused(
            "", status=self.status, headers=tuple((name, _fill(text, known)) for name, text in self.headers)
        )
        refused.error = _fill(self.error, known)
        return refused


def _fill(template: Any, facts: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return string.Template(template).substitute(facts)
    if isinstance(template, Mapping):
        return {name: _fill(value, facts) for name, value in template.items()}
    return [_fill(value, facts) for value in template] if isinstance(template, list) else template


def _invalid(message: str, code: str | None) -> dict[str, Any]:
    return {"message": message, "type": "invalid_request_error", "param": None, "code": code}


_AUTHENTICATE = (("www-authenticate", 'Bearer realm="OpenAI API"'),)
_REJECTED = "Your request was rejected"

FAILURES: dict[str, Failure] = {
    # Recorded: maruel/genai, bad_apiKey_image; the header: openai-dotnet, GenerateImageCanParseServiceError.
    "invalid_api_key": Failure(
        401,
        _invalid(
            "Incorrect API key provided: $key. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
            "invalid_api_key",
        ),
        headers=_AUTHENTICATE,
    ),
    # Reported: ucx0204/CarrotMangaTranslator#122.
    "moderation_blocked": Failure(
        400,
        {
            "message": _REJECTED + " by the safety system. If you believe this is an error, contact us at "
            "help.openai.com and include the request ID $request_id. safety_violations=[$category].",
            "type": "image_generation_user_error",
            "param": None,
            "code": "moderation_blocked",
            "moderation_details": {"moderation_stage": "$stage", "categories": ["$category"]},
        },
        {"stage": "output", "category": "sexual"},
    ),
    # Reported: songquanpeng/one-api#737.
    "content_policy_violation": Failure(
        400,
        _invalid(
            _REJECTED + " as a result of our safety system. Your prompt may contain text that is not allowed by "
            "our safety system.",
            "content_policy_violation",
        ),
    ),
    # Reported: the body of a gpt-image model, quoted in a public test as measured; it has no `param`.
    "rate_limit_exceeded": Failure(
        429,
        {
            "message": "Rate limit reached for $model (for limit gpt-image) in organization $organization on "
            "input-images per min: Limit $limit, Used $limit, Requested 1. Please try again in $wait. "
            "Visit https://platform.openai.com/account/rate-limits to learn more",
            "type": "rate_limit_exceeded",
            "code": "rate_limit_exceeded",
        },
        {"retry_after": 1, "limit": 5},
        (("retry-after", "$retry_after"), ("retry-after-ms", "$retry_after_ms")),
    ),
    # Reported: dfinke/PowerShellAI#127.
    "billing_hard_limit_reached": Failure(
        400, _invalid("Billing hard limit has been reached", "billing_hard_limit_reached")
    ),
    # Reported: openai-php/client#565; the status: receptron/mulmocast-app#1090.
    "organization_unverified": Failure(
        403,
        _invalid(
            "Your organization must be verified to use the model `$model`. Please go to: "
            "https://platform.openai.com/settings/organization/general and click on Verify Organization. If "
            "you just verified, it can take up to 15 minutes for access to propagate.",
            None,
        ),
    ),
    # Recorded: openllmetry, test_image_gen_metrics; reported: skales#280.
    "unknown_parameter": Failure(
        400,
        {**_invalid("Unknown parameter: '$parameter'.", "unknown_parameter"), "param": "$parameter"},
        {"parameter": "response_format"},
    ),
    # Recorded: openllmetry-js, image variation; reported: new-api#1234. Only its message tells what is wrong.
    "invalid_model": Failure(400, _invalid("Invalid model $model. The model argument should be left blank.", None)),
    # Reported: gaoren002/GPT2Image-Pro#34.
    "server_error": Failure(
        500,
        {
            "message": "An error occurred while processing your request. You can retry your request, or "
            "contact us through our help center at help.openai.com if the error persists. Please include the "
            "request ID "
            "$request_id in your message.",
            "type": "server_error",
            "param": None,
            "code": "server_error",
        },
    ),
}
"""The errors that `LocalEndpoint.fail` can queue."""


def failure(name: str, details: Mapping[str, Any]) -> Failure:
    """The row of that name in the table, with these details. Raises `ConfigError` for one that is not known."""
    row = FAILURES[name]
    if unknown := sorted(set(details) - set(row.details)):
        takes = ", ".join(row.details) or "none"
        raise ConfigError(f"{name!r} has no detail {', '.join(map(repr, unknown))}; it takes {takes}")
    facts = {**row.details, **details}
    if "retry_after" in facts:
        wait = facts["retry_after"]
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < 86400:
            raise ConfigError(f"expected retry_after in seconds, from 0 to a day; got {wait!r}")
        facts["retry_after_ms"] = round(wait * 1000)
        facts["wait"] = f"{wait:g}s" if wait >= 1 else f"{facts['retry_after_ms']}ms"
        facts["retry_after"] = -int(-wait // 1)
    return replace(row, details=facts)


def missing_key() -> Refused:
    """The 401 without an Authorization header, as widely quoted; its `code` is null."""
    return Refused(
        "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        "Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) "
        "if you're accessing the API from your browser and are prompted for a username and password. You can "
        "obtain an API key from https://platform.openai.com/account/api-keys.",
        status=401,
        headers=_AUTHENTICATE,
    )


def masked(key: str) -> str:
    """A key as the 401 shows it: short ones whole (recorded), else eight characters, stars and the last four."""
    return key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def request_id(entropy: Random = _SYSTEM) -> str:
    """A fresh `x-request-id`."""
    return f"req_{entropy.randbytes(16).hex()}"


def headers(
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
    return headers(now, identity, organization=organization, content_type=content_type, ms=ms, entropy=entropy)


def usage(text: int, image: int, drawn: int, written: int = 0, *, told_apart: bool = True) -> dict[str, Any]:
    """A usage in the recorded order, in tokens: text and images of the prompt, images and text that were generated.

    The sum of the output is told in any case, its parts where `told_apart`: not before May 2026, nor in streams.
    """
    told: dict[str, Any] = {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": drawn + written,
    }
    if told_apart:
        told["output_tokens_details"] = {"image_tokens": drawn, "text_tokens": written}
    told["total_tokens"] = text + image + drawn + written
    return told


def svg_usage(text: int, written: int, *, model: str = "gpt-5", reasoning: int = 0) -> dict[str, Any]:
    """What writing an SVG cost, in tokens: those of the prompt, of the text and of thinking."""
    return {
        "input_tokens": text,
        "model": model,
        "output_tokens": written + reasoning,
        "reasoning_tokens": reasoning,
        "total_tokens": text + written + reasoning,
    }


def pretty(value: Any) -> bytes:
    """JSON as the gpt-image models send it: two spaces, no newline at the end (recorded)."""
    return json.dumps(value, indent=2).encode()


def event(name: str, fields: Mapping[str, Any]) -> bytes:
    """One server-sent event with its type inside too."""
    data = json.dumps({"type": name, **fields}, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()
