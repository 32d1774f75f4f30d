"""Measure the strategies: are they right, fast, and do they find what they are for?

`python tests/benchmarks/strategies.py` prints tables: what, the figure, what it should be, and whether it is. It is a
measurement, no test: a missed target does not make it fail. What is compared runs in turn, round after round, so that
a busy machine slows all alike; a figure is the median of its rounds, a ratio the median of the rounds' ratios.

A speed is that of one `@given` test that does nothing with what it draws, with its generate phase and without a
database: it contains Hypothesis' own work. The first ten draws are those of a process of their own, after its imports,
under default settings.

hypothesis-jsonschema does not run on the newest Hypothesis. It and polyfactory are called in an environment of their
own, made in a temporary folder, or that of IMGRESPONSE_PEERS_PYTHON (a Python with `PEERS` installed).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import openai.types
import pybase64
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck
from PIL import Image

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[2]))

from pytest_imgresponse import HTTPResponse, strategies
from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.checks import check
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.images import suffix_of
from pytest_imgresponse.strategies import http_responses, images_responses
from pytest_imgresponse.strategies.picture_files import payload_of
from tests.benchmarks.planted import PLANTED, SEEDS, WITHIN, counts, in_words, search

PEERS = ("hypothesis==6.151.0", "hypothesis-jsonschema==0.23.1", "polyfactory==3.5.0", "openai==3.54.0")
PUBLIC = [name for name in strategies.__all__ if name != "variants"]
DRAWS = 2000
IN_EXAMPLES = 500
COLD = ("images_responses", "http_responses", "stream_responses", "edge_cases", "image_files")

COLD_RUN = """\
import sys, time
from hypothesis import Phase, given, settings
from pytest_imgresponse import strategies

@settings(database=None, max_examples=10, phases=[Phase.generate])
@given(getattr(strategies, sys.argv[1])())
def draw(drawn):
    pass

start = time.perf_counter()
draw()
print(time.perf_counter() - start)
"""

PEERS_RUN = """\
import json, sys, time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis_jsonschema import from_schema
from openai.types import ImagesResponse
from polyfactory.factories.pydantic_factory import ModelFactory

number, rounds = int(sys.argv[1]), int(sys.argv[2])
drawn = []

@settings(database=None, max_examples=number, phases=[Phase.generate], deadline=None,
          suppress_health_check=list(HealthCheck))
@given(from_schema(ImagesResponse.model_json_schema()))
def by_schema(response):
    drawn.append(response)

class Factory(ModelFactory[ImagesResponse]):
    __model__ = ImagesResponse

def by_factory():
    drawn.extend(json.loads(Factory.build().model_dump_json()) for _ in range(number))

for name, run in {"hypothesis-jsonschema": by_schema, "polyfactory": by_factory}.items():
    run()
    speeds = []
    for _ in range(rounds):
        drawn.clear()
        start = time.perf_counter()
        run()
        speeds.append(len(drawn) / (time.perf_counter() - start))
    print(json.dumps({"name": name, "speeds": speeds, "drawn": drawn}))
"""


class Row(NamedTuple):
    """A line of a table: a figure, what it should be, and whether it is; no target for None."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        return (self.what, self.figure, self.target, {None: "", True: "ok", False: "MISSED"}[self.met])


def drawing(strategy: st.SearchStrategy[Any], number: int, use: Callable[[Any], object] = lambda drawn: None) -> None:
    """Draw so many, and hand each on."""

    @settings(
        database=None,
        max_examples=number,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(drawn: Any) -> None:
        use(drawn)

    run()


# Right.


@cache
def is_picture(payload: str) -> bool:
    """Whether a payload is a picture that Pillow loads in full, or an SVG; each distinct one is loaded once."""
    try:
        data = pybase64.b64decode(payload, validate=True)
        if suffix_of(data) == ".svg":
            return True
        Image.open(BytesIO(data)).load()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def accepted(number: int) -> Iterator[Row]:
    """What is drawn, judged by `check`, by openai's model and by Pillow."""
    for strategy, http in (
        (images_responses(), lambda model: HTTPResponse(200, TYPED, pretty(json_of(model)))),
        (http_responses(), lambda response: response),
    ):
        right = Right(http)
        drawing(strategy, number, right.look)
        rejected = f"{right.judge} by check, {right.openai} by openai, {right.pillow} by Pillow"
        met = (right.judge, right.openai, right.pillow) == (0, 0, 0) and right.drawn == number
        what = f"{strategy}: draws, pictures, rejected"
        yield Row(what, f"{right.drawn}, {right.pictures}, {rejected}", f"{number}, -, 0", met)


class Right:
    """Counts what is drawn and what is rejected, by whom."""

    def __init__(self, http: Callable[[Any], HTTPResponse]) -> None:
        self.http = http
        self.drawn = self.judge = self.openai = self.pillow = self.pictures = 0

    def look(self, drawn: Any) -> None:
        """Judge one."""
        response = self.http(drawn)
        fields = response.json()
        self.drawn += 1
        self.judge += bool(check(response))
        try:
            openai.types.ImagesResponse.model_validate(fields)
        except ValueError:
            self.openai += 1
        payloads = [image["b64_json"] for image in fields["data"] if "b64_json" in image]
        self.pictures += len(payloads)
        self.pillow += not all(map(is_picture, payloads))


TYPED = {"content-type": "application/json"}


def json_of(model: Any) -> Any:
    """A model as the JSON that it stands for."""
    return model.model_dump(mode="json", exclude_unset=True)


def plainest() -> Iterator[Row]:
    """What a response shrinks to."""
    fields = json_of(find(images_responses(), lambda response: True, settings=settings(database=None)))
    payload = fields["data"][0].pop("b64_json")
    image = Image.open(BytesIO(pybase64.b64decode(payload)))
    figure = f"{fields}, {image.format} {image.width}x{image.height}"
    wanted = {"created": 1_700_000_000, "data": [{}]}
    met = (fields, image.format, image.size) == (wanted, "PNG", (1024, 1024))
    yield Row("images_responses() shrinks to", figure, "one picture, 1024x1024, no more", met)


# Fast.


def fixed() -> st.SearchStrategy[Any]:
    """The same fields by `st.fixed_dictionaries`, with a constant picture: always one, where ours are up to ten."""
    number = st.integers(0, 100_000)
    payload = payload_of("png", "1024x1024", False, 0)
    details = st.fixed_dictionaries({"text_tokens": number, "image_tokens": number})
    counts = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), number)
    usage = st.fixed_dictionaries({**counts, "input_tokens_details": details, "output_tokens_details": details})
    return st.fixed_dictionaries(
        {
            "created": st.integers(1_700_000_000, 2**31 - 1),
            "background": st.sampled_from(["opaque", "transparent"]),
            "data": st.just([{"b64_json": payload}]),
            "output_format": st.sampled_from(["png", "webp", "jpeg"]),
            "quality": st.sampled_from(["low", "medium", "high"]),
            "size": st.sampled_from(["1024x1024", "1024x1536", "1536x1024"]),
            "usage": usage,
        }
    )


def speed(strategy: st.SearchStrategy[Any], number: int) -> float:
    """Draws a second."""
    start = perf_counter()
    drawing(strategy, number)
    return number / (perf_counter() - start)


def speeds(number: int, rounds: int) -> Iterator[Row]:
    """Ours against fixed dictionaries."""
    rivals = {"images_responses()": images_responses(), "http_responses()": http_responses(), "fixed": fixed()}
    for strategy in rivals.values():
        speed(strategy, number)
    runs = [{name: speed(strategy, number) for name, strategy in rivals.items()} for _ in range(rounds)]
    for name in ("images_responses()", "http_responses()"):
        figure = median(run[name] for run in runs)
        ratio = median(run[name] / run["fixed"] for run in runs)
        rival = median(run["fixed"] for run in runs)
        least = 0.5 if name == "images_responses()" else None
        yield Row(
            f"{name}, draws a second",
            f"{figure:.0f}, fixed_dictionaries {rival:.0f}, ratio {ratio:.2f}",
            f"ratio >= {least}" if least else "",
            ratio >= least if least else None,
        )


def cold(rounds: int) -> Iterator[Row]:
    """The first ten draws of a process."""
    for name in COLD:
        command = [sys.executable, "-c", COLD_RUN, name]
        times = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)]
        figure = f"{median(times):.2f} s (most {max(times):.2f})"
        yield Row(f"{name}(), first ten draws", figure, "< 1 s", median(times) < 1)


def health() -> Iterator[Row]:
    """Default settings, each strategy."""
    sick = []
    response = find(http_responses(), lambda drawn: True, settings=settings(database=None))
    for strategy in [*(getattr(strategies, name)() for name in PUBLIC), strategies.variants(response)]:

        @settings(database=None, phases=[Phase.generate])
        @given(strategy)
        def draw(drawn: Any) -> None:
            pass

        try:
            draw()
        except FailedHealthCheck as error:
            sick.append(f"{strategy!r:.40}: {error!s:.60}")
    yield Row("health checks that fire", "; ".join(sick) or "none", "none", not sick)


# Against peers.


def peers(folder: Path, number: int, rounds: int) -> Iterator[Row]:
    """Responses a second, and the share of those with a picture that can be decoded."""
    python = os.environ.get("IMGRESPONSE_PEERS_PYTHON") or environment(folder)
    command = [python, "-c", PEERS_RUN, str(number), str(rounds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ours: list[Any] = []
    drawing(images_responses(), number, lambda model: ours.append(json_of(model)))
    yield shares("images_responses()", [speed(images_responses(), number) for _ in range(rounds)], ours)
    for line in output.splitlines():
        peer = json.loads(line)
        yield shares(peer["name"], peer["speeds"], peer["drawn"])


def shares(name: str, per_second: list[float], drawn: list[Any]) -> Row:
    """One of them."""
    with_picture = sum(any(map(has_picture, response.get("data") or ())) for response in drawn)
    with_url = sum(any(image.get("url") for image in response.get("data") or ()) for response in drawn)
    share = f"{with_picture / len(drawn):.0%} with a picture that decodes, {with_url / len(drawn):.0%} with a url"
    return Row(f"{name}, responses a second", f"{median(per_second):.0f}, {share}")


def has_picture(image: Any) -> bool:
    """Whether an image has a payload that is a picture."""
    payload = image.get("b64_json")
    return isinstance(payload, str) and bool(payload) and is_picture(payload)


def environment(folder: Path) -> str:
    """A Python with the peers."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True, stderr=subprocess.DEVNULL)
    return python


# To the point.


def reached() -> Iterator[Row]:
    """Edge cases drawn within 500 examples."""
    names: list[str] = []
    drawing(strategies.edge_cases(), IN_EXAMPLES, lambda drawn: names.append(drawn.case.name))
    seen = set(names)
    last = max(map(names.index, seen)) + 1
    figure = f"{len(seen)} of {len(EDGE_CASES)}, the last after {last}"
    yield Row(f"edge cases in {IN_EXAMPLES} examples", figure, "all", seen == set(EDGE_CASES))


def bugs() -> Iterator[Row]:
    """Planted bugs that are found, and to what they shrink."""
    for bug in PLANTED:
        found, after = search(bug), counts(bug)
        figure = f"{in_words(after)} of {found.fit.words}, shrunk to {found.shrunk_to()}"
        yield Row(f"finds {bug.__name__} after", figure, f"<= {WITHIN}, {SEEDS} seeds", None not in after)


def table(rows: Iterable[Row]) -> str:
    """The rows in columns."""
    lines = [("what", "figure", "should be", ""), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def measure(folder: Path, *, quick: bool) -> Iterator[Iterator[Row]]:
    """All tables."""
    yield accepted(200 if quick else DRAWS)
    yield plainest()
    yield speeds(500 if quick else DRAWS, 3 if quick else 9)
    yield cold(3 if quick else 9)
    yield health()
    yield peers(folder, 100 if quick else 500, 1 if quick else 3)
    yield reached()
    yield bugs()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer draws and rounds: a first impression")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgresponse-benchmark-") as folder:
        for rows in measure(Path(folder), quick=options.quick):
            print(table(rows), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
