"""The errors of the API: their bodies and headers, in its own words."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.api.parameters import Parameters
from pytest_imgresponse.api.rules import SIZE_RULES, BrokenRule, Rule
from pytest_imgresponse.errors import ConfigError


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


def unreadable(*, is_form: bool) -> Refused:
    """The 400 for a body that cannot be read."""
    if is_form:
        return Refused("Could not parse multipart form")
    return Refused(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
        "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If "
        "you have trouble figuring out how to fix this, please contact us through our help center at "
        "help.openai.com.)"
    )


def masked(key: str) -> str:
    """A key as the 401 shows it: short ones whole (recorded), else eight characters, stars and the last four."""
    return key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


_TYPES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


# By the rule: a message and a code. Recorded: that of a choice for `model` (maruel/genai, bad_model), that of a media
# type (ruby_llm, rejects_edits_with_a_URL_having_invalid_content_type), that of a type for files. Others are as public
# reports quote them.
_WORDINGS: dict[Rule, tuple[str, str]] = {
    "type": ("Invalid type for '{name}': expected {wanted}, but got {kind} instead.", "invalid_type"),
    "choice": ("Invalid value: '{value}'. Supported values are: {supported}.", "invalid_value"),
    "minimum": (
        "Invalid '{name}': integer below minimum value. Expected a value >= {expected}, but got {value} instead.",
        "integer_below_min_value",
    ),
    "maximum": (
        "Invalid '{name}': integer above maximum value. Expected a value <= {expected}, but got {value} instead.",
        "integer_above_max_value",
    ),
    "size": ("Invalid size '{value}'. {size_rule}", "invalid_value"),
    "unknown": ("Unknown parameter: '{name}'.", "unknown_parameter"),
    "missing": ("Missing required parameter: '{name}'.", "missing_required_parameter"),
    "empty": (
        "Invalid '{name}': empty string. Expected a string with minimum length 1, but got an empty string instead.",
        "empty_string",
    ),
    "too long": (
        "Invalid '{name}': string too long. Expected a string with maximum length {expected}, but got a string with "
        "length {value} instead.",
        "string_above_max_length",
    ),
    "too many": (
        "Invalid '{name}': array too long. Expected an array with maximum length {expected}, but got an array with "
        "length {value} instead.",
        "array_above_max_length",
    ),
    "media type": (
        "Invalid file '{name}': unsupported mimetype ('{value}'). Supported file formats are {supported}.",
        "unsupported_file_mimetype",
    ),
    "other format": ("{what} not supported for {expected} output format", "invalid_value"),
    "own format": ("Only supported with output_format '{expected}'.", "invalid_value"),
}
_OTHER_FORMAT = {
    "background": "Transparent background is",
    "output_compression": "Compression less than 100 is",
    "stream": "Streaming is",
    "mask": "Masks are",
}


def rule_refusal(broken: BrokenRule, asked: Parameters) -> Refused:
    """The 400 for a rule that a request breaks."""
    name, expected = broken.parameter, broken.expected
    if asked.operation == "variations" and name == "model":
        # Recorded: openllmetry-js, image variation.
        return Refused(f"Invalid model {broken.value}. The model argument should be left blank.")
    if asked.operation == "edits" and broken.rule == "unknown" and not asked.is_form and name in ("image", "image[]"):
        message = f"Unknown parameter: '{name}'. For application/json on /v1/images/edits, use 'images' (array)."
        return Refused(message, param=name, code="invalid_value")
    if expected == "a data URL":
        return Refused(
            f"Invalid '{name}': this local endpoint fetches no URLs and keeps no files; send an 'image_url' that "
            "is a base64-encoded data URL.",
            param=f"{name}.image_url",
            code="invalid_value",
        )
    if broken.rule == "other format" and name == "n":
        return Refused("SVG output format requires n=1", param=name, code="invalid_value")
    choices = expected if isinstance(expected, tuple) else ()
    template, code = _WORDINGS[broken.rule]
    message = template.format(
        name=name,
        value=broken.value,
        kind=_TYPES.get(type(broken.value)),
        expected=expected.upper() if broken.rule == "other format" else expected,
        wanted=f"one of {_listed(choices, 'or')}" if choices else expected,
        supported=_listed(choices, "and"),
        size_rule=SIZE_RULES.get(str(expected)),
        what=_OTHER_FORMAT.get(name),
    )
    kind = "image_generation_user_error" if broken.rule == "size" else "invalid_request_error"
    return Refused(message, param=name, code=code, kind=kind)


def _listed(names: Sequence[str], word: str) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return f" {word} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {word} {quoted[-1]}"
