"""Cases at the level `http`: status, headers, whether the body is whole; then errors, in all bodies that they have.

A case that makes an error of an answer is valid where that is the API's own error: a parser has to report it by name.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from pytest_imgresponse.api import api_errors, blob_store
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.edge_cases.mutators import mutate_json, with_body, with_header
from pytest_imgresponse.edge_cases.predicates import any_response, error_answer, json_object, success, url_answer
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse

_MOMENT = 1_755_612_900.0
"""Unix seconds: when the pictures behind a url were made."""


def more_headers(response: HTTPResponse) -> bool:
    """A 200 answer with more headers than Content-Type."""
    return success(response) and response.content_type != "" and len(response.headers) > 1


@edge_case("valid", "http", seen="RFC 9110, section 6.3", applies=more_headers)
def content_type_alone(response: HTTPResponse) -> HTTPResponse:
    """Content-Type is the only header: no request id, no rate limits, no length."""
    kept = [pair for pair in response.headers if pair[0].lower() == "content-type"]
    return replace(response, headers=tuple(kept))


def request_id(response: HTTPResponse) -> bool:
    """A 200 answer with an `x-request-id` header."""
    return success(response) and response.header("x-request-id") is not None


@edge_case("valid", "http", seen="recording: maruel/genai, gpt-image-2", applies=request_id)
def no_request_id(response: HTTPResponse) -> HTTPResponse:
    """There is no `x-request-id` header."""
    return with_header(response, "x-request-id", None)


def lower_case_headers(response: HTTPResponse) -> bool:
    """A 200 answer with a header name that is not in upper case."""
    return success(response) and any(name != name.upper() for name, _ in response.headers)


@edge_case("valid", "http", seen="RFC 9110, section 5.1", applies=lower_case_headers)
def header_names_in_upper_case(response: HTTPResponse) -> HTTPResponse:
    """The names of all headers are in upper case, which makes no difference."""
    headers = [(name.upper(), value) for name, value in response.headers]
    return replace(response, headers=tuple(headers))


def content_type_in_lower_case(response: HTTPResponse) -> bool:
    """A 200 answer whose Content-Type is not in upper case."""
    value = response.header("content-type") or ""
    return success(response) and value != value.upper()


@edge_case("valid", "http", seen="RFC 9110, section 8.3.1", applies=content_type_in_lower_case)
def content_type_in_upper_case(response: HTTPResponse) -> HTTPResponse:
    """The Content-Type is in upper case, which makes no difference."""
    return with_header(response, "content-type", (response.header("content-type") or "").upper())


def no_charset(response: HTTPResponse) -> bool:
    """A 200 answer of type `application/json` without a charset."""
    return json_object(response) and response.header("content-type") == "application/json"


@edge_case("unusual", "http", seen="recording: huggingface_hub, together", applies=no_charset)
def content_type_with_charset(response: HTTPResponse) -> HTTPResponse:
    """The Content-Type has a charset parameter, which JSON does not know."""
    return with_header(response, "content-type", "application/json; charset=utf-8")


def typed_json(response: HTTPResponse) -> bool:
    """A 200 answer whose body is a JSON object, and whose Content-Type is `application/json`."""
    return json_object(response) and response.content_type == "application/json"


@edge_case("unusual", "http", seen="run: openai 3.54.0 accepts it", applies=typed_json)
def wrong_content_type(response: HTTPResponse) -> HTTPResponse:
    """The body is JSON, but the Content-Type is `text/plain`."""
    return with_header(response, "content-type", "text/plain; charset=utf-8")


@edge_case("unusual", "http", seen="RFC 9110, section 8.3; run: openai 3.54.0 accepts it", applies=typed_json)
def no_content_type(response: HTTPResponse) -> HTTPResponse:
    """There is no Content-Type header."""
    return with_header(response, "content-type", None)


@edge_case("unusual", "http", seen="RFC 9110, section 15.3.2; run: openai 3.54.0 accepts it", applies=json_object)
def status_201(response: HTTPResponse) -> HTTPResponse:
    """A right answer comes with status 201 (Created)."""
    return HTTPResponse(201, response.headers, response.body, reason="Created")


def no_retry_after(response: HTTPResponse) -> bool:
    """A 200 answer without a Retry-After header."""
    return success(response) and response.header("retry-after") is None


@edge_case("unusual", "http", seen="recording: huggingface_hub, together", applies=no_retry_after)
def retry_after_on_success(response: HTTPResponse) -> HTTPResponse:
    """A right answer has a Retry-After header, as if it had been refused."""
    return with_header(response, "retry-after", "2")


def no_content_encoding(response: HTTPResponse) -> bool:
    """A 200 answer without a Content-Encoding header."""
    return success(response) and response.header("content-encoding") is None


@edge_case("unusual", "http", seen="recording: dd-trace-py, image_acreate_b64_json", applies=no_content_encoding)
def content_encoding_of_a_plain_body(response: HTTPResponse) -> HTTPResponse:
    """The Content-Encoding says gzip, but the body is not compressed."""
    return with_header(response, "content-encoding", "gzip")


@edge_case("unusual", "http", seen="jcubic/chat-gpt#46; images reference: a url lives 60 minutes", applies=url_answer)
def url_expired(response: HTTPResponse) -> HTTPResponse:
    """The picture's url gives status 403 and the XML of a blob store: its signature is older than an hour."""
    path, secret = "/private/img-1.png", b"url_expired"
    query = blob_store.signed_query(secret, path, _MOMENT)
    return blob_store.blob(secret, path, query, _MOMENT + blob_store.LINK_SECONDS, b"", entropy=Random(0))  # noqa: S311 - no secret


@edge_case("unusual", "http", seen='Azure Storage, "Blob service error codes"', applies=url_answer)
def url_not_found(response: HTTPResponse) -> HTTPResponse:
    """The picture's url gives status 404 and the XML of a blob store: the picture is not there any more."""
    return blob_store.blob(b"", "/private/img-1.png", "", _MOMENT, None, entropy=Random(0))  # noqa: S311 - no secret


@edge_case("unusual", "http", seen="RFC 9110, section 10.2.3", applies=error_answer)
def retry_after_date(response: HTTPResponse) -> HTTPResponse:
    """The Retry-After of an error is a date in the place of seconds."""
    return with_header(response, "retry-after", "Tue, 19 Aug 2025 14:15:00 GMT")


def filled(response: HTTPResponse) -> bool:
    """A 200 answer with a body of two bytes or more."""
    return success(response) and len(response.body) > 1


@edge_case("invalid", "http", seen="run: openai 3.54.0 raises a bare JSONDecodeError", applies=filled)
def truncated_body(response: HTTPResponse) -> HTTPResponse:
    """The body ends halfway; its Content-Length says how long it should be."""
    whole = with_header(with_header(response, "transfer-encoding", None), "content-length", str(len(response.body)))
    return HTTPResponse(200, whole.headers, response.body[: len(response.body) // 2], reason=response.reason)


@edge_case("invalid", "http", seen="run: openai 3.54.0 raises a bare JSONDecodeError", applies=json_object)
def empty_200(response: HTTPResponse) -> HTTPResponse:
    """Status 200 comes with an empty body."""
    return with_body(response, b"")


@edge_case(
    "invalid",
    "http",
    seen="RFC 9110, section 15.3.5; run: openai 3.54.0 raises a bare JSONDecodeError",
    applies=json_object,
)
def no_content_204(response: HTTPResponse) -> HTTPResponse:
    """Status 204 (No Content) comes in the place of an answer."""
    return HTTPResponse(204, with_body(response, b"").headers, b"", reason="No Content")


@edge_case("invalid", "http", seen="RFC 9110, section 15.6.4", applies=success)
def empty_503(response: HTTPResponse) -> HTTPResponse:
    """Status 503 comes with an empty body."""
    return HTTPResponse(503, with_body(response, b"").headers, b"", reason="Service Unavailable")


# Errors that do not come from the API: pages of HTML.


def _page(title: str, line: str) -> bytes:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{line}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def _with_page(response: HTTPResponse, status: int, reason: str, line: str) -> HTTPResponse:
    headers = with_header(response, "content-type", "text/html; charset=UTF-8").headers
    page = _page(f"{status} {reason}", line)
    return with_body(HTTPResponse(status, headers, b"", reason=reason), page)


@edge_case("invalid", "http", seen="betalgo/openai#421", applies=any_response)
def html_gateway_page_504(response: HTTPResponse) -> HTTPResponse:
    """A gateway that waited too long answers with status 504 and a page of HTML."""
    return _with_page(response, 504, "Gateway Time-out", "nginx")


@edge_case("invalid", "http", seen="CookSleep/gpt_image_playground#32", applies=any_response)
def html_gateway_page_524(response: HTTPResponse) -> HTTPResponse:
    """Cloudflare, which waited too long, answers with status 524 and a page of HTML."""
    return _with_page(response, 524, "A timeout occurred", "cloudflare")


@edge_case("invalid", "http", seen="run: openai 3.54.0 gives a str", applies=success)
def html_page_200(response: HTTPResponse) -> HTTPResponse:
    """Status 200 comes with a page of HTML, as of a login or a captive portal."""
    return _with_page(response, 200, "OK", "Sign in to continue")


# Errors of the API and of those that imitate it.

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
    return with_body(HTTPResponse(status, (*kept, *headers), b""), pretty(body))


def _failed(response: HTTPResponse, name: str) -> HTTPResponse:
    error = api_errors.failure(name, {}).refusal(_FACTS)
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
    """The `code` of the error is null, so that only its message says what is wrong."""
    return _failed(response, "invalid_model")


@edge_case("unusual", "http", seen="BerriAI/litellm#16072", applies=success)
def azure_inner_error(response: HTTPResponse) -> HTTPResponse:
    """The error of Azure has an `inner_error` with what the content filter found, and no `param`."""
    found = {"jailbreak": {"detected": False, "filtered": False}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": found}
    message = api_errors.FAILURES["content_policy_violation"].error["message"]
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
    return mutate_json(response, lambda body: {**body, "error": {**body["error"], "code": response.status}})


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
