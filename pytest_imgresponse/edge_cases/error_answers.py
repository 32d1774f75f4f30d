"""Errors in the place of an answer: those of the API at level http, those of no known form at level schema."""

from __future__ import annotations

from typing import Any

from pytest_imgresponse import answers
from pytest_imgresponse.edge_cases.bending import bend_json, with_body, with_header
from pytest_imgresponse.edge_cases.subjects import error_answer, success
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

_FACTS = {
    "organization": "org-0123456789abcdefABCDEFGH",
    "request_id": "req_b68e1d8f31a34a04aa41bf442d857ccd",
    "model": "gpt-image-1",
    "key": "sk-bad",
}


def refused(
    response: HTTPResponse, status: int, body: object, headers: tuple[tuple[str, str], ...] = ()
) -> HTTPResponse:
    """An error with this JSON as its body; the other headers stay."""
    kept = with_header(response, "content-type", "application/json").headers
    return with_body(HTTPResponse(status, (*kept, *headers), b""), answers.pretty(body))


def _failed(response: HTTPResponse, name: str) -> HTTPResponse:
    error = answers.failure(name, {}).refusal(_FACTS)
    return refused(response, error.status, {"error": error.error}, error.headers)


def _error(message: str, code: str | None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code, **more}}


@edge_case("valid", "http", seen="recording: maruel/genai, bad_apiKey_image", applies=success)
def invalid_api_key(response: HTTPResponse) -> HTTPResponse:
    """The API refuses the key, with status 401."""
    return _failed(response, "invalid_api_key")


@edge_case("valid", "http", seen="ucx0204/CarrotMangaTranslator#122; ZJT#480", applies=success)
def moderation_blocked(response: HTTPResponse) -> HTTPResponse:
    """The safety system blocks the picture, with status 400 and `moderation_details`."""
    return _failed(response, "moderation_blocked")


@edge_case("valid", "http", seen="songquanpeng/one-api#737", applies=success)
def content_policy_violation(response: HTTPResponse) -> HTTPResponse:
    """The safety system rejects the prompt, with status 400."""
    return _failed(response, "content_policy_violation")


@edge_case("valid", "http", seen="chatboxai/chatbox#1361", applies=success)
def rate_limit_exceeded(response: HTTPResponse) -> HTTPResponse:
    """The API has had too many requests: status 429, with `retry-after`, and without a `param`."""
    return _failed(response, "rate_limit_exceeded")


@edge_case("valid", "http", seen="dfinke/PowerShellAI#127", applies=success)
def billing_hard_limit_reached(response: HTTPResponse) -> HTTPResponse:
    """The account has no money left, with status 400."""
    return _failed(response, "billing_hard_limit_reached")


@edge_case("valid", "http", seen="openai-php/client#565; receptron/mulmocast-app#1090", applies=success)
def organization_unverified(response: HTTPResponse) -> HTTPResponse:
    """The organisation may not use the model: status 403, and a `code` that is null."""
    return _failed(response, "organization_unverified")


@edge_case("valid", "http", seen="gaoren002/GPT2Image-Pro#34", applies=success)
def server_error(response: HTTPResponse) -> HTTPResponse:
    """The API fails, with status 500 and its own error body."""
    return _failed(response, "server_error")


@edge_case("valid", "http", seen="skales#280; recording: openllmetry, test_image_gen_metrics", applies=success)
def unknown_parameter(response: HTTPResponse) -> HTTPResponse:
    """The API refuses a parameter that the model does not know, and names it in `param`."""
    return _failed(response, "unknown_parameter")


@edge_case("valid", "http", seen="new-api#1234; recording: openllmetry-js, image variation", applies=success)
def error_code_null(response: HTTPResponse) -> HTTPResponse:
    """The `code` of the error is null, so that only its message tells what is wrong."""
    return _failed(response, "invalid_model")


@edge_case("unusual", "http", seen="BerriAI/litellm#16072", applies=success)
def azure_inner_error(response: HTTPResponse) -> HTTPResponse:
    """The error of Azure has an `inner_error` with what the content filter found, and no `param`."""
    found = {"jailbreak": {"detected": False, "filtered": False}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": found}
    message = answers.FAILURES["content_policy_violation"].error["message"]
    error = {"code": "content_policy_violation", "inner_error": inner, "message": message}
    return refused(response, 400, {"error": {**error, "type": "invalid_request_error"}})


@edge_case("unusual", "http", seen="recording: maruel/genai, togetherai bad_apiKey_image", applies=success)
def error_with_id(response: HTTPResponse) -> HTTPResponse:
    """An `id` stands beside the error object."""
    body = _error(
        "Invalid API key provided. You can find your API key at https://api.together.ai/settings/api-keys.",
        "invalid_api_key",
    )
    return refused(response, 401, {"id": "omJGRFE-2kFHot-a04666cc7b02a2f9-SEA", **body})


@edge_case("unusual", "schema", seen='OpenRouter, "Errors and Debugging"', applies=error_answer)
def error_code_number(response: HTTPResponse) -> HTTPResponse:
    """The `code` of the error is its status, a number."""
    return bend_json(response, lambda body: {**body, "error": {**body["error"], "code": response.status}})


@edge_case("invalid", "schema", seen="openai-cf-workers-ai#9", applies=success)
def error_string(response: HTTPResponse) -> HTTPResponse:
    """The `error` of an error answer is a text."""
    return refused(response, 400, {"error": "prompt is required"})


@edge_case("invalid", "schema", seen="run: openai 3.54.0 has no code, type or param for it", applies=success)
def error_list(response: HTTPResponse) -> HTTPResponse:
    """The `error` of an error answer is a list."""
    return refused(response, 400, {"error": [_error("prompt is required", None)["error"]]})


@edge_case("invalid", "schema", seen='OpenRouter, "Errors and Debugging"', applies=success)
def error_without_type(response: HTTPResponse) -> HTTPResponse:
    """The error object has no `type`."""
    return refused(response, 400, {"error": {"message": "prompt is required"}})


@edge_case("invalid", "schema", seen='FastAPI, "Handling Errors"; Hyperbolic sends it', applies=success)
def fastapi_detail(response: HTTPResponse) -> HTTPResponse:
    """Status 422 comes with the `detail` of FastAPI in the place of an `error`."""
    detail = {"type": "missing", "loc": ["body", "prompt"], "msg": "Field required"}
    return refused(response, 422, {"detail": [detail]})


@edge_case(
    "invalid", "schema", seen="ding113/claude-code-hub#1132; litellm, convert_dict_to_response.py", applies=success
)
def error_object_200(response: HTTPResponse) -> HTTPResponse:
    """An error comes with status 200."""
    return refused(response, 200, _error("The server had an error while processing your request.", "server_error"))
