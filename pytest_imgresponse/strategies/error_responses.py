"""Errors as the API sends them: `error_responses`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pytest_imgresponse.api import api_errors
from pytest_imgresponse.api.api_errors import FAILURES, Refused
from pytest_imgresponse.api.headers import ORGANIZATION, seeded_headers
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.strategies.choices import FIRST_DAY
from pytest_imgresponse.strategies.picture_files import require_one_of
from pytest_imgresponse.strategies.responses import entropies, times

MISSING_KEY = "missing_key"
NAMES = (*FAILURES, MISSING_KEY)

# Values of what the templates of `FAILURES` leave open; for a detail not listed the row's own value stands.
_DETAILS: dict[str, st.SearchStrategy[Any]] = {
    "stage": st.sampled_from(("input", "output")),
    "category": st.sampled_from(("sexual", "violence", "self-harm", "hate", "illicit")),
    "retry_after": st.one_of(st.integers(0, 3600), st.sampled_from((0.02, 0.5, 1.5))),
    "limit": st.integers(1, 10_000),
    "parameter": st.sampled_from(("response_format", "quality", "style", "input_fidelity")),
}
_KEYS = ("sk-proj-********************************a1B2", "sk-a", "undefined")
_models = st.sampled_from(("gpt-image-1", "gpt-image-1.5", "gpt-image-2"))


@st.composite
def error_responses(draw: st.DrawFn, *, name: str | None = None) -> HTTPResponse:
    """Generates the errors of the images API, with the status, headers and body that the real one sends.

    A wrong or missing key, a prompt or picture that the safety system blocked, a rate limit (with `retry-after` and
    `retry-after-ms`), the billing limit, an organization that is not verified, a parameter that is not known, a model
    that does not do this, and an error of the server; what they name (categories, waits, limits, parameters, models,
    request ids) is drawn. `name` fixes the error: one that `LocalEndpoint.fail` takes, or `missing_key`.

    Shrinks to a wrong key.
    """
    if name is not None:
        require_one_of("name", name, NAMES)
    chosen = name or draw(st.sampled_from(NAMES))
    details = {} if chosen == MISSING_KEY else {detail: draw(_DETAILS[detail]) for detail in FAILURES[chosen].details}
    facts = {"model": draw(_models), "key": draw(st.sampled_from(_KEYS))}
    return http_error(chosen, details, facts, now=draw(times), entropy=draw(entropies))


def http_error(
    name: str,
    details: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    *,
    now: int = FIRST_DAY,
    entropy: int = 0,
) -> HTTPResponse:
    """An error as HTTP; `details` are those of its row, `facts` the model and the key that it names."""
    named = {"model": "gpt-image-1", "key": _KEYS[0], **(facts or {})}
    known = name not in ("invalid_api_key", MISSING_KEY)
    headers = seeded_headers(entropy, now, organization=ORGANIZATION if known else None)
    identity = dict(headers)["x-request-id"]
    refused = _refusal(name, details or {}, {**named, "organization": ORGANIZATION, "request_id": identity})
    return HTTPResponse(refused.status, [*headers, *refused.headers], refused.body)


def _refusal(name: str, details: dict[str, Any], facts: dict[str, Any]) -> Refused:
    if name == MISSING_KEY:
        return api_errors.missing_key()
    return api_errors.failure(name, details).refusal(facts)
