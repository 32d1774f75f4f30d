"""`imgresponse demo`: real suites, recorded and replayed by real pytest processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import pytest_imgresponse
from pytest_imgresponse.cli import COMMANDS, main
from tests.conftest import installed

NO_SOCKETS = """\
import socket

def refuse(self, address):
    raise AssertionError(f"a connection to {address} was attempted")

socket.socket.connect = socket.socket.connect_ex = refuse
"""
NO_KEY_NO_PYTHON = """\
import os

if "OPENAI_API_KEY" not in os.environ:
    os.write(1, "no key, no Python ✗".encode())
    os._exit(3)
"""
TESTS = (
    "test_a_marker_is_enough",
    "test_the_fixture_knows_the_answer",
    "test_an_upload_is_recorded_too",
    "test_an_error_is_an_answer",
)
WRITTEN = {
    "pytest.ini",
    "sketch.png",
    "test_demo.py",
    "cassettes/.gitattributes",
    "cassettes/test_demo/test_a_marker_is_enough.yaml",
    "cassettes/test_demo/test_a_marker_is_enough-1.png",
    "cassettes/test_demo/test_the_fixture_knows_the_answer.yaml",
    "cassettes/test_demo/test_the_fixture_knows_the_answer-1.webp",
    "cassettes/test_demo/test_an_upload_is_recorded_too.yaml",
    "cassettes/test_demo/test_an_upload_is_recorded_too-1.png",
    "cassettes/test_demo/test_an_upload_is_recorded_too-2.png",
    "cassettes/test_demo/test_an_error_is_an_answer.yaml",
}


@dataclass(frozen=True)
class Demo:
    folder: Path
    code: int
    output: str


def imgresponse(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The installed script."""
    return subprocess.run(
        [installed("imgresponse"), *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A run of the installed script, with the official client. Without autoloaded plugins it is faster."""
    place = tmp_path_factory.mktemp("demo")
    done = imgresponse("demo", cwd=place, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return Demo(place / "imgresponse-demo", done.returncode, done.stdout + done.stderr)


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for modules that the processes have which this one starts."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return folder


@pytest.fixture
def no_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_all_tests_are_recorded_and_replayed(demo: Demo):
    assert demo.code == 0, demo.output
    assert "its client is openai " in demo.output
    assert "the API answered 4 requests." in demo.output
    assert demo.output.count("   4 passed in ") == 2
    for name in TESTS:
        assert [line.split() for line in demo.output.splitlines() if f" {name} " in line] == [
            [name, "passed", "passed"]
        ]


@pytest.mark.slow
def test_the_suite_lies_where_it_says(demo: Demo):
    """The account names the folder, each file in it, the reference to a picture and the way to go on."""
    assert files_in(demo.folder) == WRITTEN
    assert f"The files in {demo.folder.resolve()}" in demo.output
    for path in WRITTEN:
        assert f" {Path(path).name} " in demo.output
    assert "How cassettes/test_demo/test_a_marker_is_enough.yaml begins" in demo.output
    assert '"b64_json": "imgresponse:v1:test_a_marker_is_enough-1.png#' in demo.output
    assert "Next: cd imgresponse-demo" in demo.output
    assert "--imgresponse-record=rewrite" in demo.output
    assert max(map(len, demo.output.splitlines())) <= 120


@pytest.mark.slow
def test_pictures_are_pictures(demo: Demo):
    pictures = {}
    for path in demo.folder.rglob("*.*"):
        if path.suffix in (".png", ".webp"):
            with Image.open(path) as image:
                image.load()
                pictures[path.name] = (image.format, image.size, image.has_transparency_data)
    assert pictures == {
        "sketch.png": ("PNG", (256, 256), False),
        "test_a_marker_is_enough-1.png": ("PNG", (1024, 1024), False),
        "test_an_upload_is_recorded_too-1.png": ("PNG", (256, 256), False),
        "test_an_upload_is_recorded_too-2.png": ("PNG", (1024, 1024), False),
        "test_the_fixture_knows_the_answer-1.webp": ("WEBP", (1024, 1024), True),
    }


@pytest.mark.slow
def test_the_suite_replays_by_hand(demo: Demo, stubs: Path, monkeypatch: pytest.MonkeyPatch):
    """With all plugins, without a key, without the address of the API, with every socket refused."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    (stubs / "sitecustomize.py").write_text(NO_SOCKETS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    before = {path: (demo.folder / path).read_bytes() for path in WRITTEN}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--imgresponse-strict"],
        cwd=demo.folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "imgresponse: 4 replayed" in done.stdout
    assert {path: (demo.folder / path).read_bytes() for path in WRITTEN} == before


@pytest.mark.slow
def test_without_openai_it_needs_no_client_and_any_locale_will_do(tmp_path: Path, stubs: Path):
    """What the terminal cannot show is escaped; an empty folder is as good as a new one."""
    for name in ("httpx", "httpx2", "requests"):
        (stubs / f"{name}.py").write_text("raise ImportError('there is no such client')")
    (stubs / "openai.py").write_text("raise ImportError('openai is broken here')")
    folder = tmp_path / "de mo-🦊"
    folder.mkdir()
    done = imgresponse("demo", folder.name, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its client is urllib.request." in done.stdout
    assert "de mo-\\U0001f98a" in done.stdout
    assert "import openai" not in (folder / "test_demo.py").read_text(encoding="utf-8")
    assert files_in(folder) == WRITTEN


@pytest.mark.usefixtures("no_openai", "stubs")
def test_without_openai_it_takes_nothing_of_the_user_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Neither the key, nor a proxy, nor options for other runs."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-key-of-the-user")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "new/demo"]) == 0, capsys.readouterr().out
    assert "its client is urllib.request." in capsys.readouterr().out
    folder = tmp_path / "new" / "demo"
    assert files_in(folder) == WRITTEN
    for path in WRITTEN:
        assert b"the-key-of-the-user" not in (folder / path).read_bytes()


@pytest.mark.usefixtures("no_openai")
def test_pytest_that_does_not_start_is_shown(tmp_path: Path, stubs: Path, capsys: pytest.CaptureFixture[str]):
    (stubs / "pytest.py").write_text("raise ImportError('pytest is broken here')")
    assert main(["demo", str(tmp_path / "demo")]) == 1
    shown = capsys.readouterr().out
    assert "no test ran in " in shown
    assert "the API answered 0 requests" in shown
    assert "The demo did not go well. What pytest said (exit code 1):" in shown
    assert "pytest is broken here" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("no_openai")
def test_a_recording_that_fails_is_shown(tmp_path: Path, stubs: Path, capsys: pytest.CaptureFixture[str]):
    (stubs / "sitecustomize.py").write_text(NO_SOCKETS)
    assert main(["demo", str(tmp_path / "demo")]) == 1
    shown = capsys.readouterr().out
    assert "   4 failed in " in shown
    assert "AssertionError: a connection to ('127.0.0.1', " in shown
    assert "2. Replay" not in shown


@pytest.mark.slow
def test_a_replay_that_fails_is_shown(
    tmp_path: Path, stubs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Recorded with urllib: an openai without the class that the suite needs, such as 0.28, is none."""
    monkeypatch.setitem(sys.modules, "openai", ModuleType("openai"))
    (stubs / "sitecustomize.py").write_text(NO_KEY_NO_PYTHON, encoding="utf-8")
    assert main(["demo", str(tmp_path / "demo")]) == 1
    shown = capsys.readouterr().out
    assert "its client is urllib.request." in shown
    assert "   4 passed in " in shown
    assert "   no test ran in " in shown
    assert "What pytest said (exit code 3):\n\nno key, no Python ✗" in shown
    assert "Next:" not in shown


@pytest.mark.parametrize(
    ("held", "named"),
    [(["mine.txt"], "it holds mine.txt."), ([".git", "a", "b", "c"], "it holds .git, a, b and more.")],
)
def test_a_folder_with_something_in_it_is_refused(
    held: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for name in held:
        (tmp_path / name).write_text("dear to me")
    assert main(["demo", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"imgresponse demo: expected a new or an empty folder; got {str(tmp_path)!r}: {named} Name another one "
        f"(imgresponse demo FOLDER), or remove this one; nothing was written\n"
    )
    assert files_in(tmp_path) == set(held)


def test_without_a_name_the_next_free_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgresponse-demo").mkdir()
    (tmp_path / "imgresponse-demo-2").write_text("dear to me")
    assert sys.modules["pytest_imgresponse.cli.demo"]._new_folder() == Path("imgresponse-demo-3")


def test_a_file_in_its_place_is_refused(tmp_path: Path):
    (tmp_path / "imgresponse-demo").write_text("dear to me")
    done = imgresponse("demo", "imgresponse-demo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "got 'imgresponse-demo': it is no folder." in done.stderr
    assert (tmp_path / "imgresponse-demo").read_text() == "dear to me"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("dear to me")
    folder = tmp_path / "file" / "demo"
    assert main(["demo", str(folder)]) == 1
    assert f"imgresponse demo: the suite could not be written to {folder}: " in capsys.readouterr().err


def test_without_a_command_it_helps(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 2
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in shown
        assert (command.__doc__ or "").splitlines()[0] in " ".join(shown.split())


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert (exit_.value.code, capsys.readouterr().out) == (0, f"imgresponse {pytest_imgresponse.__version__}\n")


@pytest.mark.parametrize("command", ["", "cases"])
def test_without_the_script_python_runs_it(command: str, tmp_path: Path):
    """The usage line is one to type."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_imgresponse", *command.split(), "--help"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {f'python -m pytest_imgresponse {command}'.strip()} [-h]")
    script = imgresponse(*command.split(), "--help", cwd=tmp_path)
    assert script.stdout.startswith(f"usage: {f'imgresponse {command}'.strip()} [-h]")


def test_python_ends_with_the_exit_code_of_the_command(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest_imgresponse", "cases", "--name", "no such case"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")


def test_an_unknown_command_is_argparse_s_business(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_:
        main(["dmo"])
    assert exit_.value.code == 2
    assert "invalid choice: 'dmo'" in capsys.readouterr().err


def test_streams_that_cannot_be_told_how_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    """An embedding program may have put anything in the place of standard output."""

    monkeypatch.setattr(sys, "stdout", written := io.StringIO())
    assert main([]) == 2
    assert "usage: imgresponse" in written.getvalue()


def test_the_command_starts_light():
    """What is heavy is imported by the command that needs it."""
    heavy = ("PIL", "hypothesis", "openai", "pybase64", "pydantic", "pytest", "vcr", "yaml")
    code = f"import sys, pytest_imgresponse.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "[]\n"
