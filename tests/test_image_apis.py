"""Any image API can be recorded: pictures are found by their content, whatever the route or the field.

For each provider a server on the loopback gives answers of its documented shape, and a real client asks for them.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import httpx2
import openai
import pytest
import requests
import urllib3

from pytest_imgresponse import UnrecordedRequestError, replay
from tests.real import all_recorded

DOCUMENTS = Path(__file__).parents[1] / "docs" / "image-apis.md"
FOXES = Path(__file__).parents[1] / "cassettes" / "test_fox_shop"
PNG = (FOXES / "test_red_fox-1.png").read_bytes()
WEBP = (FOXES / "test_transparent_sticker-1.webp").read_bytes()
KEY = "secret0123456789abcdef0123456789"
PROMPT = "a red fox"


def text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


class Answer(NamedTuple):
    body: bytes
    content_type: str = "application/json"
    status: int = 200


class Provider:
    """A server that gives each path its answers, in order, the last one again."""

    def __init__(self) -> None:
        self.answers: dict[str, deque[Answer]] = defaultdict(deque)
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                queue = provider.answers[urlsplit(self.path).path]
                answer = queue[0] if len(queue) == 1 else queue.popleft()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def gives(self, path: str, body: Any, content_type: str = "application/json", status: int = 200) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[path].append(Answer(content, content_type, status))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


Ask = Callable[[str], list[bytes]]
"""What a program does: it asks the API at this origin, and returns the pictures that it got."""


def gemini(provider: Provider) -> Ask:
    path = "/v1beta/models/gemini-2.5-flash-image:generateContent"
    parts = [{"text": "Here is a fox."}, {"inlineData": {"mimeType": "image/png", "data": text(PNG)}}]
    usage = {"promptTokenCount": 4, "candidatesTokenCount": 1290, "totalTokenCount": 1294}
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    provider.gives(path, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash-image"})

    def ask(origin: str) -> list[bytes]:
        asked = [{"text": PROMPT}, {"inlineData": {"mimeType": "image/webp", "data": text(WEBP)}}]
        headers = {"x-goog-api-key": KEY}
        answer = httpx.post(origin + path, json={"contents": [{"parts": asked}]}, headers=headers).json()
        found = (part.get("inlineData") for part in answer["candidates"][0]["content"]["parts"])
        return [base64.b64decode(data["data"]) for data in found if data]

    return ask


def imagen(provider: Provider) -> Ask:
    path = "/v1beta/models/imagen-4.0-generate-001:predict"
    pictures = [{"mimeType": "image/png", "bytesBase64Encoded": text(picture)} for picture in (PNG, WEBP)]
    provider.gives(path, {"predictions": pictures})

    def ask(origin: str) -> list[bytes]:
        asked = {"instances": [{"prompt": PROMPT}], "parameters": {"sampleCount": 2}}
        answer = httpx.post(f"{origin}{path}?key={KEY}", json=asked).json()
        return [base64.b64decode(each["bytesBase64Encoded"]) for each in answer["predictions"]]

    return ask


def bedrock(provider: Provider) -> Ask:
    path = "/model/amazon.nova-canvas-v1%3A0/invoke"
    provider.gives(path, {"images": [text(PNG)], "error": None})

    def ask(origin: str) -> list[bytes]:
        asked = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": PROMPT}}
        headers = {
            "content-type": "application/json",
            "authorization": f"AWS4-HMAC-SHA256 Credential=AKIA0123456789ABCDEF/20260101, Signature={KEY}",
            "x-amz-security-token": KEY,
        }
        with urllib3.PoolManager() as pool:  # as botocore does
            answer = pool.request("POST", origin + path, body=json.dumps(asked), headers=headers)
        return [base64.b64decode(each) for each in answer.json()["images"]]

    return ask


def replicate(provider: Provider) -> Ask:
    create, get, file = "/v1/models/black-forest-labs/flux/predictions", "/v1/predictions/k1", "/pbxt/k1/out-0.webp"
    started = {
        "id": "k1",
        "model": "black-forest-labs/flux",
        "input": {"prompt": PROMPT},
        "output": None,
        "status": "starting",
        "urls": {"get": f"{provider.origin}{get}", "cancel": f"{provider.origin}{get}/cancel"},
    }
    provider.gives(create, started, status=201)
    provider.gives(get, {**started, "status": "processing"})
    provider.gives(get, {**started, "status": "succeeded", "output": [f"{provider.origin}{file}"]})
    provider.gives(file, WEBP, "image/webp")

    def ask(origin: str) -> list[bytes]:
        with httpx.Client(headers={"Authorization": f"Bearer r8_{KEY}"}) as client:
            prediction = client.post(origin + create, json={"input": {"prompt": PROMPT}}).json()
            while prediction["status"] != "succeeded":
                prediction = client.get(prediction["urls"]["get"]).json()
            return [client.get(url).content for url in prediction["output"]]

    return ask


def fal(provider: Provider) -> Ask:
    path, file = "/fal-ai/flux/schnell", "/files/fox/k1.png"
    images = [
        {"url": f"{provider.origin}{file}", "width": 1024, "height": 1024, "content_type": "image/png"},
        {"url": f"data:image/webp;base64,{text(WEBP)}", "width": 1024, "height": 1024, "content_type": "image/webp"},
    ]
    told = {"timings": {"inference": 1.22}, "seed": 1, "has_nsfw_concepts": [False, False], "prompt": PROMPT}
    provider.gives(path, {"images": images, **told})
    provider.gives(file, PNG, "image/png")

    def ask(origin: str) -> list[bytes]:
        headers = {"Authorization": f"Key {KEY}"}
        with httpx2.Client(headers=headers) as client:
            by_url, in_line = client.post(origin + path, json={"prompt": PROMPT}).json()["images"]
            return [client.get(by_url["url"]).content, base64.b64decode(in_line["url"].partition(",")[2])]

    return ask


def stability(provider: Provider) -> Ask:
    path = "/v2beta/stable-image/generate/core"
    provider.gives(path, PNG, "image/png")

    def ask(origin: str) -> list[bytes]:
        headers = {"Authorization": f"Bearer sk-{KEY}", "Accept": "image/*"}
        asked = {"prompt": PROMPT, "output_format": "png"}
        return [requests.post(origin + path, headers=headers, files={"none": ""}, data=asked).content]

    return ask


def stability_json(provider: Provider) -> Ask:
    edit, legacy = "/v2beta/stable-image/edit/erase", "/v1/generation/stable-diffusion-xl-1024-v1-0/text-to-image"
    provider.gives(edit, {"image": text(PNG), "finish_reason": "SUCCESS", "seed": 1})
    provider.gives(legacy, {"artifacts": [{"base64": text(WEBP), "seed": 1, "finishReason": "SUCCESS"}]})

    def ask(origin: str) -> list[bytes]:
        headers = {"Authorization": f"Bearer sk-{KEY}", "Accept": "application/json"}
        first = requests.post(origin + edit, headers=headers, files={"image": ("fox.webp", WEBP)}).json()
        second = requests.post(origin + legacy, headers=headers, json={"text_prompts": [{"text": PROMPT}]}).json()
        return [base64.b64decode(each) for each in (first["image"], second["artifacts"][0]["base64"])]

    return ask


def azure(provider: Provider) -> Ask:
    path = "/openai/deployments/foxes/images/generations"
    filtered = {"hate": {"filtered": False, "severity": "safe"}}
    item = {"b64_json": text(PNG), "content_filter_results": filtered, "prompt_filter_results": filtered}
    provider.gives(path, {"created": 1780000000, "data": [item]})

    def ask(origin: str) -> list[bytes]:
        with openai.AzureOpenAI(azure_endpoint=origin, api_key=KEY, api_version="2025-04-01-preview") as client:
            answer = client.images.generate(model="foxes", prompt=PROMPT)
        return [base64.b64decode(image.b64_json) for image in answer.data]

    return ask


def openrouter(provider: Provider) -> Ask:
    path = "/api/v1/chat/completions"
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{text(PNG)}"}, "index": 0}
    message = {"role": "assistant", "content": "A fox.", "refusal": None, "images": [image]}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    told = {"id": "gen-1", "object": "chat.completion", "created": 1780000000, "model": "google/gemini"}
    provider.gives(path, {**told, "provider": "Google AI Studio", "choices": [choice]})

    def ask(origin: str) -> list[bytes]:
        with openai.OpenAI(base_url=f"{origin}/api/v1", api_key=f"sk-or-v1-{KEY}") as client:
            answer = client.chat.completions.create(
                model="google/gemini",
                messages=[{"role": "user", "content": PROMPT}],
                extra_body={"modalities": ["image"]},
            )
        urls = [image["image_url"]["url"] for image in answer.choices[0].message.images]
        return [base64.b64decode(url.partition(",")[2]) for url in urls]

    return ask


def together(provider: Provider) -> Ask:
    path, file = "/v1/images/generations", "/shrt/fox"
    data = [
        {"index": 0, "b64_json": text(PNG), "timings": {"inference": 0.1}},
        {"index": 1, "url": f"{provider.origin}{file}", "timings": {"inference": 0.1}},
    ]
    provider.gives(path, {"id": "fox-1", "model": "black-forest-labs/FLUX.1-schnell", "object": "list", "data": data})
    provider.gives(file, WEBP, "image/webp")

    def ask(origin: str) -> list[bytes]:
        with openai.OpenAI(base_url=f"{origin}/v1", api_key=f"tgp_v1_{KEY}") as client:
            first, second = client.images.generate(model="black-forest-labs/FLUX.1-schnell", prompt=PROMPT, n=2).data
        return [base64.b64decode(first.b64_json), httpx.get(second.url).content]

    return ask


# The program, the pictures that it gets, and those that it sends.
PROGRAMS: dict[str, tuple[Callable[[Provider], Ask], list[bytes], list[bytes]]] = {
    "Gemini": (gemini, [PNG], [WEBP]),
    "Imagen": (imagen, [PNG, WEBP], []),
    "Bedrock": (bedrock, [PNG], []),
    "Replicate": (replicate, [WEBP], []),
    "fal": (fal, [PNG, WEBP], []),
    "Stability": (stability, [PNG], []),
    "Stability, JSON": (stability_json, [PNG, WEBP], [WEBP]),
    "Azure OpenAI": (azure, [PNG], []),
    "OpenRouter": (openrouter, [PNG], []),
    "Together": (together, [PNG, WEBP], []),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_provider_answered_is_replayed_without_it(name: str, provider: Provider, tmp_path: Path) -> None:
    program, received, sent = PROGRAMS[name]
    ask = program(provider)
    with replay(tmp_path / "fox", record="once"):
        assert ask(provider.origin) == received
    asked = provider.asked
    provider.stop()

    with replay(tmp_path / "fox") as recorder:
        assert ask(provider.origin) == received
        assert {image.format for image in recorder.images} == {"PNG" if p is PNG else "WEBP" for p in received}
        with pytest.raises(UnrecordedRequestError):
            ask(provider.origin)
    assert provider.asked == asked == len(recorder.requests)

    files = {path.read_bytes() for path in tmp_path.glob("fox-*")}
    assert files == {*received, *sent}, "each picture is a file beside the cassette"
    cassette = (tmp_path / "fox.yaml").read_text(encoding="utf-8")
    assert len(cassette) < 6000, "and no picture is left in it"
    assert KEY not in cassette


def test_the_documents_name_each_of_these_providers() -> None:
    table = DOCUMENTS.read_text(encoding="utf-8")
    for name in PROGRAMS:
        assert f"| {name} |" in table


OTHERS = ("openrouter.ai", "api.together.xyz", "api.together.ai", "router.huggingface.co", "api.x.ai", "imgen.x.ai")


def test_what_other_providers_were_recorded_to_answer_replays(
    recordings: Path, provider: Provider, tmp_path: Path
) -> None:
    """The real answers of other hosts, sent again over a socket."""
    real = [each for each in all_recorded() if each.host in OTHERS and each.response.status == 200]
    assert {each.host for each in real} == set(OTHERS)
    for number, each in enumerate(real):
        answer = each.as_content()
        provider.gives(f"/{number}", answer.body, answer.header("content-type") or "application/json")

    def ask() -> list[bytes]:
        return [requests.get(f"{provider.origin}/{number}").content for number in range(len(real))]

    with replay(tmp_path / "real", record="once"):
        received = ask()
    provider.stop()
    with replay(tmp_path / "real") as recorder:
        assert ask() == received
        assert len(recorder.images) == len(list(tmp_path.glob("real-*")))
    assert (tmp_path / "real.yaml").stat().st_size < 40_000
