"""Measure loading, replaying and saving against vcrpy, the memory of a replay, and what the plugin costs a run.

`python tests/benchmarks/replay.py` prints a table: what, ours, the peer's, their ratio, the most that the ratio
may be, and whether it is. It is a measurement, no test: a missed target does not make it fail. What is compared
runs in turn, round after round, so that a busy machine slows all alike; a figure is the median of its rounds, a
ratio the median of the rounds' ratios.

A picture is 1024x1024 of RGB noise with four bits a channel: a PNG of 1.6 MB, 2.1 MB as base64. "10 pictures"
are one answer with a body of 21 MB and ten files.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from importlib.metadata import entry_points
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import httpx
import pybase64
import vcr
from PIL import Image
from vcr.persisters.filesystem import FilesystemPersister
from vcr.request import Request
from vcr.serializers import jsonserializer, yamlserializer

from pytest_imgresponse import ImagePersister, replay
from pytest_imgresponse.cassette.store import Store

OURS, JSON, YAML, FLOOR, BODY = "ours", "vcrpy JSON", "vcrpy YAML", "the floor", "the body"
SERIALIZERS = {JSON: ("json", jsonserializer), YAML: ("yaml", yamlserializer)}

# The most that our figure may be of the peer's.
LOAD = {YAML: 1 / 10, JSON: 0.7, FLOOR: 1.3}
WHOLE_PATH = {1: {YAML: 1 / 4, JSON: 0.9}, 10: {YAML: 1 / 8, JSON: 0.5}}
SAVE = {YAML: 1 / 5, JSON: 1.0}
MEMORY = {BODY: 3.0}
START_UP = 1.05

URL = "https://api.openai.com/v1/images/generations"
QUESTION = json.dumps({"model": "gpt-image-1", "prompt": "a red fox", "size": "1024x1024"}).encode()
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "body")

TESTS = 200
HEAVY = ("PIL", "hypothesis", "pydantic", "vcr")
LIST_HEAVY = f"""\
import sys

def pytest_unconfigure():
    print("heavy:", *sorted(sys.modules.keys() & {set(HEAVY)}))
"""


class Row(NamedTuple):
    """A line of the table: two figures, the ratio of ours to the peer's, and the most that it may be."""

    what: str
    unit: str
    ours: float
    peer: str
    theirs: float
    ratio: float
    limit: float | None

    def cells(self) -> tuple[str, ...]:
        target, verdict = "", ""
        if self.limit is not None:
            target, verdict = f"{self.limit:.3g}", "ok" if self.ratio <= self.limit else "MISSED"
        ours, theirs = (f"{figure:.4g} {self.unit}" for figure in (self.ours, self.theirs))
        return self.what, ours, self.peer, theirs, f"{self.ratio:.3f}", target, verdict


TITLES = ("what", "ours", "peer", "peer's", "ratio", "at most", "")


@dataclass(frozen=True)
class Answer:
    """One answer, in memory and on the disk as each competitor keeps it."""

    folder: Path
    pictures: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return "1 picture" if len(self.pictures) == 1 else f"{len(self.pictures)} pictures"

    @cached_property
    def body(self) -> bytes:
        return b"".join(around(map(pybase64.b64encode, self.pictures)))

    @cached_property
    def digests(self) -> list[str]:
        return [sha256(picture).hexdigest() for picture in self.pictures]

    def path(self, competitor: str) -> Path:
        return self.folder / competitor / "fox.yaml"

    def cassette(self) -> dict[str, Any]:
        """What vcrpy hands to a persister: a new one for each save, since its serializers alter it."""
        response = {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["application/json"]},
            "body": {"string": self.body},
        }
        return {"requests": [Request("POST", URL, QUESTION, HEADERS)], "responses": [response]}


def around(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON of an answer, in pieces, around its payloads."""
    yield b'{\n  "created": 1790000000,\n  "data": ['
    for number, payload in enumerate(payloads):
        yield b',\n    {"b64_json": "' if number else b'\n    {"b64_json": "'
        yield payload
        yield b'"}'
    yield b'\n  ],\n  "usage": {"input_tokens": 9, "output_tokens": 4160, "total_tokens": 4169}\n}\n'


def noise(seed: int) -> bytes:
    """The PNG of random pixels."""
    pixels = random.Random(seed).randbytes(3 * 1024 * 1024).translate(bytes(value & 0xF0 for value in range(256)))
    file = BytesIO()
    Image.frombytes("RGB", (1024, 1024), pixels).save(file, "PNG")
    return file.getvalue()


# What is measured. Each of "load" and "replay" returns the body; each takes the answer and a competitor.


def load_ours(answer: Answer, competitor: str) -> bytes:
    """From the files to the body, every picture verified by its SHA-256."""
    (interaction,) = Store(answer.path(competitor)).load()
    return interaction.response.http().body


def load_vcrpy(answer: Answer, competitor: str) -> bytes:
    """From the file to the body, nothing verified."""
    _, (response,) = FilesystemPersister.load_cassette(answer.path(competitor), SERIALIZERS[competitor][1])
    body: bytes = response["body"]["string"]
    return body


def load_floor(answer: Answer, _competitor: str) -> bytes:
    """The least that verified files can cost: read, hash, encode, join."""
    folder = answer.path(OURS).parent
    pictures = (_verified(folder / f"fox-{number}.png", digest) for number, digest in enumerate(answer.digests, 1))
    return b"".join(around(pictures))


def _verified(path: Path, digest: str) -> bytes:
    data = path.read_bytes()
    assert sha256(data).hexdigest() == digest
    return pybase64.b64encode(data)


def replay_ours(client: httpx.Client, answer: Answer, competitor: str) -> bytes:
    """The whole path: open the cassette, ask through httpx, close it."""
    with replay(answer.path(competitor)):
        return client.post(URL, content=QUESTION, headers=HEADERS).content


def replay_vcrpy(client: httpx.Client, answer: Answer, competitor: str) -> bytes:
    """The same through vcrpy, with matchers as strict as ours."""
    recorder = vcr.VCR(record_mode="none", match_on=MATCH_ON, serializer=SERIALIZERS[competitor][0])
    with recorder.use_cassette(str(answer.path(competitor))):
        return client.post(URL, content=QUESTION, headers=HEADERS).content


def save_ours(answer: Answer, competitor: str) -> None:
    """From the body in memory to the files: redacted, the pictures taken out and hashed."""
    ImagePersister.save_cassette(answer.path(competitor), answer.cassette(), yamlserializer)


def save_vcrpy(answer: Answer, competitor: str) -> None:
    """From the body in memory to the file."""
    FilesystemPersister.save_cassette(answer.path(competitor), answer.cassette(), SERIALIZERS[competitor][1])


Competitors = Mapping[str, Callable[[Answer, str], object]]
Figures = Mapping[str, list[float]]
LOADERS: Competitors = {OURS: load_ours, JSON: load_vcrpy, YAML: load_vcrpy, FLOOR: load_floor}
SAVERS: Competitors = {OURS: save_ours, JSON: save_vcrpy, YAML: save_vcrpy}


def players() -> Competitors:
    """The competitors of the whole path. They share a client: its TLS context costs each the same 20 ms."""
    client = httpx.Client()
    ours, theirs = partial(replay_ours, client), partial(replay_vcrpy, client)
    return {OURS: ours, JSON: theirs, YAML: theirs}


def save_all(answer: Answer) -> None:
    """Put the answer on the disk, as each competitor keeps it."""
    for name, save in SAVERS.items():
        save(answer, name)


def prove(answer: Answer, competitors: Competitors) -> None:
    """Make sure that what is fast is right too."""
    for name, get_body in competitors.items():
        assert get_body(answer, name) == answer.body, f"{name} does not give the body back"


def milliseconds(answer: Answer, competitors: Competitors, rounds: int, *, afresh: bool = False) -> Figures:
    """The time of each competitor in each round; `afresh` removes its files before.

    Of two runs in a row the second counts, and what the first left is collected (an answer of httpx is in a cycle,
    and holds the body until then): a suite has one recorder, which finds the memory as itself has left it. Right
    after another's it is chance who must ask the system for new pages, and that takes as long as to hash them.
    """
    times: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(rounds):
        for name, run in competitors.items():
            for figures in ([], times[name]):
                if afresh:
                    shutil.rmtree(answer.path(name).parent)
                gc.collect()
                start = perf_counter()
                result = run(answer, name)
                figures.append((perf_counter() - start) * 1000)
                del result  # freed outside of the time
    return times


def compared(what: str, unit: str, figures: Figures, limits: Mapping[str, float]) -> Iterator[Row]:
    """Our figures against those of each peer."""
    ours = figures[OURS]
    for peer, theirs in figures.items():
        if peer != OURS:
            ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
            yield Row(what, unit, median(ours), peer, median(theirs), ratio, limits.get(peer))


def speed(answer: Answer, rounds: int) -> Iterator[Row]:
    """Load, whole path and save of one answer."""
    playing = players()
    save_all(answer)
    prove(answer, LOADERS)
    prove(answer, playing)
    yield from compared(f"load, {answer.name}", "ms", milliseconds(answer, LOADERS, rounds), LOAD)
    limits = WHOLE_PATH[len(answer.pictures)]
    yield from compared(f"whole path, {answer.name}", "ms", milliseconds(answer, playing, rounds), limits)
    yield from compared(f"save, {answer.name}", "ms", milliseconds(answer, SAVERS, rounds, afresh=True), SAVE)


def memory(answer: Answer) -> Iterator[Row]:
    """What a replay adds to the peak of an idle process that has imported the same modules."""
    save_all(answer)
    idle = _peak_of(answer, "nobody")
    peaks = {name: [_peak_of(answer, name) - idle] for name in (OURS, *SERIALIZERS)}
    yield from compared(f"memory, {answer.name}", "MB", {BODY: [len(answer.body) / 1e6], **peaks}, MEMORY)


def _peak_of(answer: Answer, competitor: str) -> float:
    command = [sys.executable, __file__, "--peak-of", competitor, str(answer.folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(competitor: str, folder: Path) -> None:
    """Replay as one competitor, or as nobody, and print the megabytes that this process took at the most.

    `ru_maxrss` would count the process that started this one: the kernel carries its peak over (Linux,
    `exec_mmap`). `VmHWM` is that of this program alone.
    """
    playing = players()
    with vcr.use_cassette(str(folder / "none.yaml")):  # imports what vcrpy patches
        pass
    if competitor in playing:
        playing[competitor](Answer(folder, ()), competitor)
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)


def start_up(folder: Path, pairs: int) -> Iterator[Row]:
    """A pytest run of trivial tests with the plugin and without; all other plugins are off in both."""
    folder.mkdir()
    (folder / "conftest.py").write_text(LIST_HEAVY)
    (folder / "test_trivial.py").write_text("\n".join(f"def test_{n}(): pass" for n in range(TESTS)))
    runs = {OURS: partial(_pytest, folder), "no plugin": partial(_pytest, folder, "-pno:imgresponse")}
    for run in runs.values():
        run()
    rounds = [{name: run() for name, run in runs.items()} for _ in range(pairs)]
    for number, kind in enumerate(("CPU", "wall")):
        times = {name: [round_[name][number] for round_ in rounds] for name in runs}
        yield from compared(f"pytest, {TESTS} trivial tests, {kind}", "ms", times, {"no plugin": START_UP})


def _pytest(folder: Path, *options: str) -> tuple[float, float]:
    """The milliseconds of a run: of the CPU (user and system), and on the wall.

    With bytecode in the folder, as an installed plugin has it, whatever the environment says.
    """
    others = {plugin.name for plugin in entry_points(group="pytest11")} - {"imgresponse"}
    off = [f"-pno:{name}" for name in ("cacheprovider", *sorted(others))]
    command = [sys.executable, "-m", "pytest", "-q", *off, *options, str(folder)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    start, before = perf_counter(), _cpu_of_children()
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    wall, cpu = perf_counter() - start, _cpu_of_children() - before
    assert f"{TESTS} passed" in output
    assert output.splitlines()[-1].strip() == "heavy:", output
    return cpu * 1000, wall * 1000


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(rows: Iterable[Row]) -> str:
    """The rows in columns."""
    lines = [TITLES, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def measure(folder: Path, *, quick: bool) -> Iterator[Row]:
    """All rows."""
    pictures = tuple(map(noise, range(10)))
    one, ten = Answer(folder / "one", pictures[:1]), Answer(folder / "ten", pictures)
    yield from speed(one, 5 if quick else 25)
    yield from speed(ten, 3 if quick else 7)
    yield from memory(ten)
    yield from start_up(folder / "suite", 3 if quick else 21)


def main() -> None:
    """Measure, or be one of the processes whose memory is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression in half a minute")
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        print_peak(options.peak_of[0], Path(options.peak_of[1]))
        return
    with tempfile.TemporaryDirectory(prefix="imgresponse-benchmark-") as folder:
        print(table(measure(Path(folder), quick=options.quick)))


if __name__ == "__main__":
    main()
