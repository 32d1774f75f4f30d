"""Random programs that keep several ids apart get on replay what they got live, in whatever order they ask.

`IMGRESPONSE_ATTACK_SIZE` is how many programs are tried.
"""

from __future__ import annotations

import json
import random
import string
import uuid
from urllib.parse import quote, unquote

import pytest

from pytest_imgresponse import HTTPRequest, HTTPResponse
from pytest_imgresponse._config import Settings
from pytest_imgresponse.cassette.session import Session
from tests.conftest import attack_size

PROGRAMS = attack_size(40)
BASE = "https://api.example"
PERSONAL = ("session_id", "user_id", "account_id", "project_id", "api_key", "access_token", "organization_id", "tenant", "user", "email")  # fmt: skip
NAMES = (*PERSONAL, "request_id", "task_id", "job_id", "id", "token", "session", "key", "code", "sign", "sessionToken")
FORMS = ("plain", "nested", "url", "message", "escaped", "echo")
PLACES = ("path", "query", "other query", "body", "form", "header and path")
JSON = (("content-type", "application/json"), ("authorization", "Bearer sk-live-0123456789ab"))


def letters(draw: random.Random, alphabet: str, length: int) -> str:
    return "".join(draw.choice(alphabet) for _ in range(length))


def new_id(draw: random.Random) -> str | int:
    alphanumeric = string.ascii_letters + string.digits
    return draw.choice(
        [
            str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            letters(draw, "0123456789abcdef", draw.choice([12, 24, 32])),
            draw.choice(["sess_", "user-", "org-", "acct_", "fox-"]) + letters(draw, alphanumeric, 20),
            draw.randrange(10**5, 10**10),
            letters(draw, f"{alphanumeric}/+", 22) + "==",
            f"u{draw.randrange(10**6)}@example.org",
            letters(draw, f"{alphanumeric}-_", 21),
            draw.choice(["red", "blue", "x"]) + str(draw.randrange(100, 1000)),
            letters(draw, string.ascii_lowercase, draw.choice([6, 16])),
        ]
    )


class Api:
    """Opens a job for each prompt and gives the prompt back for whatever names the job."""

    def __init__(self, draw: random.Random, name: str, form: str) -> None:
        self.draw, self.name, self.form = draw, name, form
        self.jobs: dict[str, str] = {}

    def answer(self, request: HTTPRequest) -> bytes:
        if request.url.endswith("/open"):
            job = new_id(self.draw)
            while any(str(job) in other or other in str(job) for other in self.jobs):
                job = new_id(self.draw)
            self.jobs[str(job)] = json.loads(request.body)["prompt"]
            return self._opened(job)
        asked = f"{request.url} {request.body.decode()}"
        asked += unquote(asked)
        (job,) = [job for job in self.jobs if job in asked]
        answer = {"prompt": self.jobs[job]}
        return json.dumps(answer | ({self.name: job} if self.form == "echo" else {})).encode()

    def _opened(self, job: str | int) -> bytes:
        told: dict[str, object] = {self.name: job}
        if self.form == "nested":
            told = {"data": [{"job": told}], "n": 1}
        elif self.form == "url":
            told["status_url"] = f"{BASE}/jobs/{quote(str(job), safe='')}/status"
        elif self.form == "message":
            told["message"] = f"opened {job}, wait"
        text = json.dumps(told)
        return (text.replace("/", "\\/").replace("+", "\\u002B") if self.form == "escaped" else text).encode()

    def job_in(self, body: bytes) -> str | int:
        told = json.loads(body)
        return (told["data"][0]["job"] if self.form == "nested" else told)[self.name]


def request_for(place: str, job: str | int, name: str) -> HTTPRequest:
    quoted = quote(str(job), safe="")
    if place == "path":
        return HTTPRequest("GET", f"{BASE}/jobs/{quoted}/result")
    if place == "query":
        return HTTPRequest("GET", f"{BASE}/result?{name}={quoted}&size=1024")
    if place == "other query":
        return HTTPRequest("GET", f"{BASE}/result?ref={quoted}&size=1024")
    if place == "body":
        return HTTPRequest("POST", f"{BASE}/result", JSON, json.dumps({name: job, "n": 1}).encode())
    if place == "form":
        headers = (("content-type", "application/x-www-form-urlencoded"),)
        return HTTPRequest("POST", f"{BASE}/result", headers, f"{name}={quoted}&n=1".encode())
    return HTTPRequest("GET", f"{BASE}/jobs/{quoted}", (("authorization", f"Bearer {job}"),))


def run(session: Session, api: Api, place: str, opened: list[str], order: list[str], *, live: bool) -> dict[str, str]:
    def send(request: HTTPRequest) -> bytes:
        ticket = session.ask(request)
        if ticket.played is not None:
            return session.play(ticket).body
        assert live, request
        body = api.answer(request)
        session.record(ticket, HTTPResponse(200, (("content-type", "application/json"),), body))
        assert session.save_error is None
        return body

    jobs = {
        prompt: api.job_in(send(HTTPRequest("POST", f"{BASE}/open", JSON, json.dumps({"prompt": prompt}).encode())))
        for prompt in opened
    }
    assert len(set(jobs.values())) == len(jobs)
    return {prompt: json.loads(send(request_for(place, jobs[prompt], api.name)))["prompt"] for prompt in order}


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_a_program_gets_on_replay_what_it_got_live(tmp_path, seed):
    draw = random.Random(seed)
    name, form, place = draw.choice(NAMES), draw.choice(FORMS), draw.choice(PLACES)
    prompts = [f"prompt {n}" for n in range(draw.choice([2, 3, 5]))]
    api, path = Api(draw, name, form), tmp_path / "fox.yaml"
    session = Session(path, Settings(record="once"))
    live = run(session, api, place, prompts, prompts, live=True)
    assert live == {prompt: prompt for prompt in prompts}
    text = path.read_text()
    if name in PERSONAL:
        told_apart = [job for job in api.jobs if len(job) >= 8 and not job.isdigit() and any(map(str.isdigit, job))]
        assert not [job for job in told_apart if job in text]
    for record in ("none", "new_episodes"):
        session = Session(path, Settings(record=record))
        opened, order = (draw.sample(prompts, len(prompts)) for _ in range(2))
        assert run(session, api, place, opened, order, live=False) == live
    assert path.read_text() == text
    other = Api(random.Random(seed + 1_000_000), name, form)  # a new recording, with other ids
    for record in ("all", "rewrite"):
        session = Session(path, Settings(record=record))
        run(session, other, place, prompts, prompts, live=True)
        session.close()
        session = Session(path, Settings())
        assert run(session, other, place, prompts, prompts[::-1], live=False) == live
