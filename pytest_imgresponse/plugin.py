"""What pytest sees: options, ini, marker, fixtures, header, summary.

Loaded in every run of its user's suite, so it imports nothing heavy: vcr, pydantic, Pillow and hypothesis come
with the first test that asks for a cassette.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from inspect import iscoroutinefunction, signature
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from pytest_imgresponse._config import MARKER_OPTIONS, Layer, settings_from
from pytest_imgresponse._failure import failure
from pytest_imgresponse._options import add_options
from pytest_imgresponse._paths import LAYOUTS, Layouts, SuiteTest, inside, named_cassette
from pytest_imgresponse._peers import FIXTURES, MARKERS, beside
from pytest_imgresponse._summary import Tally
from pytest_imgresponse.errors import CassetteInUseError, ConfigError, ImgResponseError, UnplayedError

if TYPE_CHECKING:
    from pytest_imgresponse._guard import Guard
    from pytest_imgresponse.cassette.recorder import ImgResponse
    from pytest_imgresponse.cassette.session import Session
    from pytest_imgresponse.endpoint import LocalEndpoint

MARKER = FIXTURE = "imgresponse"
FIXTURE_INFO = "_fixtureinfo"
"""Private to pytest: nothing public tells the scope of a fixture before it is set up."""
ENDPOINT_KEY = "sk-imgresponse-endpoint"
"""What the environment holds for an API key beside `imgresponse_endpoint`."""
_RUN, _TALLY = "imgresponse_run", "imgresponse_tally"


@dataclass
class _State:
    """What one pytest process knows of its run."""

    run_directory: Path
    tally: Tally = field(default_factory=Tally)
    guard: Guard | None = None
    """Of the tests with a cassette; None where there is none."""
    # The tests and the named cassettes that claim a file, and the tests that share one.
    claims: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@dataclass
class _Use:
    """A test's use of a cassette."""

    test: SuiteTest
    name: PurePosixPath | None
    cassette: Path
    options: dict[str, Any]
    error: ConfigError | None = None
    own: bool = False
    """Whether the test has the marker itself, or names the fixture."""
    passed: bool = False
    ended: bool = False
    """Whether it came to its end, be it a failure; False where the run was interrupted in it."""


_STATE = pytest.StashKey[_State]()
_USE = pytest.StashKey[_Use]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and ini values; all are prefixed, to live beside the other recorders."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and prepare what the workers of a run share."""
    config.addinivalue_line(
        "markers",
        "imgresponse(name=None, *, record=None, match_on=None, images=None, allow_unplayed=None, "
        "allow_playback_repeats=None, ignore_hosts=None): answer image requests from a cassette, or record them.",
    )
    try:
        settings_from(_ini_layers(config))
        config.getini("imgresponse_block_network")
        _check_layout(config)
    except (ConfigError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error
    shared: dict[str, str] = getattr(config, "workerinput", {})
    default = Path(tempfile.gettempdir()) / f"imgresponse-run-{uuid.uuid4().hex}"
    config.stash[_STATE] = _State(Path(shared.get(_RUN, default)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the run noted; a worker leaves it to the controller."""
    if _STATE in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[_STATE].run_directory, ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str:
    """The mode, in a line."""
    mode = config.getoption("--imgresponse-record") or config.getini("imgresponse_record")
    meaning = " (replay only)" if mode == "none" else ""
    layouts = _layouts(config)
    where = f"{layouts.directory} beside the tests" if layouts.layout == "beside" else layouts.directory
    return f"imgresponse: record mode {mode}{meaning}, cassettes in {where}"


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marker alone activates the fixture; note which test uses which cassette."""
    _note(item)


def _note(item: pytest.Item) -> None:
    names = getattr(item, "fixturenames", None)
    if names is None:
        return
    markers = list(item.iter_markers(MARKER))
    if not markers and FIXTURE not in names:
        return
    item.fixturenames = _early(item, names)  # type: ignore[attr-defined]
    name, error = None, None
    options: dict[str, Any] = {}
    try:
        name, options = _marked(markers, item.nodeid)
        _refuse_another_recorder(item, names)
    except ConfigError as caught:  # here it would end the whole run; the fixture raises it for this test
        error = caught
    use = item.stash[_USE] = _use(item, name, options, error)
    use.own = _is_its_own(item)
    state = item.config.stash[_STATE]
    own = f"{item.path}{item.nodeid}" if item.nodeid.startswith("::") else item.nodeid
    claim = own if name is None else f"the name {name}"
    state.claims[str(use.cassette).casefold()].add(claim)
    if name is not None:
        state.users[str(use.cassette)].add(item.nodeid)


def _use(node: Any, name: PurePosixPath | None, options: dict[str, Any], error: ConfigError | None = None) -> _Use:
    # Of a file outside of the root directory pytest does not say the path.
    nodeid = f"{node.path.name}{node.nodeid}" if node.nodeid.startswith("::") else node.nodeid
    cls = getattr(node, "cls", None)
    test = SuiteTest(nodeid, node.path, f"{cls.__name__}.{node.name}" if cls else node.name)
    return _Use(test, name, _layouts(node.config).cassette(test, name), options, error)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the tests with a cassette guarded, by a plugin that is there for them alone."""
    for item in session.items:
        if _USE not in item.stash and item.get_closest_marker(MARKER) is not None:  # `add_marker` of a `conftest.py`
            _note(item)
    tests = [item for item in session.items if _USE in item.stash]
    if not tests:
        return
    from pytest_imgresponse._guard import Guard

    config, state = session.config, session.config.stash[_STATE]
    state.guard = Guard(state.tally, block=_blocks(config))
    config.pluginmanager.register(state.guard, "imgresponse guard")
    for item in tests:
        layers = [_marker_layer(item.nodeid, item.stash[_USE].options), *_ini_layers(config)]
        wider = [each for found in _definitions(item).values() for each in found if each.scope != "function"]
        state.guard.watch(item, settings_from(layers).ignore_hosts, wider)


def _refuse_another_recorder(item: pytest.Item, fixtures: list[str]) -> None:
    for theirs in MARKERS:
        if item.get_closest_marker(theirs) is not None:
            raise ConfigError(beside(item.nodeid, theirs, "marker"))
    for theirs in FIXTURES:
        if theirs in fixtures:
            raise ConfigError(beside(item.nodeid, theirs, "fixture"))


def _early(item: pytest.Item, names: list[str]) -> list[str]:
    """The fixtures of a test with ours before the other function fixtures: they may make a client."""
    others = [name for name in names if name != FIXTURE]
    definitions = _definitions(item)
    wider = [name for name in others if name in definitions and definitions[name][-1].scope != "function"]
    return [*wider, FIXTURE, *(name for name in others if name not in wider)]


def _definitions(item: pytest.Item) -> dict[str, Sequence[pytest.FixtureDef[Any]]]:
    """The fixtures of a test; without the private name none: an error here would end the whole run."""
    return getattr(getattr(item, FIXTURE_INFO, None), "name2fixturedefs", {})


def _is_its_own(item: pytest.Item) -> bool:
    """Whether a test has the marker itself, not from its class or module, or names the fixture."""
    named = [*getattr(getattr(item, FIXTURE_INFO, None), "argnames", ())]
    for mark in item.own_markers:
        named += [FIXTURE] if mark.name == MARKER else mark.args if mark.name == "usefixtures" else []
    return FIXTURE in named


def _blocks(config: pytest.Config) -> bool:
    return bool(config.getoption("--imgresponse-block-network") or config.getini("imgresponse_block_network"))


def _marked(markers: list[pytest.Mark], nodeid: str) -> tuple[PurePosixPath | None, dict[str, Any]]:
    """The name and the options of a test's markers; of each, the closest marker that has it."""
    name = None
    options: dict[str, Any] = {}
    for mark in markers:
        given = dict(mark.kwargs)
        positional = [*mark.args, *([given.pop("name")] if "name" in given else [])]
        if len(positional) > 1:
            raise ConfigError(f"expected one name of a cassette; got {positional!r} (from the marker of {nodeid})")
        if positional and positional[0] is not None and name is None:
            name = named_cassette(positional[0], f"the marker of {nodeid}")
        for option, value in given.items():
            if value is not None or option not in MARKER_OPTIONS:
                options.setdefault(option, value)
    settings_from([_marker_layer(nodeid, options)])
    return name, options


def _marker_layer(nodeid: str, options: dict[str, Any]) -> Layer:
    return Layer(f"the marker of {nodeid}", options, MARKER_OPTIONS, pins=True)


def _ini_layers(config: pytest.Config) -> list[Layer]:
    return [
        Layer(_origin(config, name), {name: config.getini(f"imgresponse_{name}")})
        for name in ("record", "images", "ignore_hosts")
    ]


def _origin(config: pytest.Config, name: str) -> str:
    where = config.inipath.name if config.inipath is not None else "no file"
    return f"ini `imgresponse_{name}` in {where}"


def _layouts(config: pytest.Config) -> Layouts:
    directory, layout = config.getini("imgresponse_cassette_dir"), config.getini("imgresponse_cassette_layout")
    return Layouts(config.rootpath, str(directory), str(layout))


def _check_layout(config: pytest.Config) -> None:
    layouts = _layouts(config)
    if layouts.layout not in LAYOUTS:
        raise ConfigError(
            f"expected one of {', '.join(LAYOUTS)}; got {layouts.layout!r} (from {_origin(config, 'cassette_layout')})"
        )
    if layouts.layout == "beside" and (Path(layouts.directory).is_absolute() or ".." in Path(layouts.directory).parts):
        raise ConfigError(
            f"with the layout beside each folder of tests has cassettes of its own: expected the name of a folder; got "
            f"{layouts.directory!r} (from {_origin(config, 'cassette_dir')})"
        )


@pytest.fixture(scope="session")
def imgresponse_config() -> dict[str, Any]:
    """Options for cassettes; override it in a `conftest.py`, a module or a class. A dict."""
    return {}


@pytest.fixture
def imgresponse(request: pytest.FixtureRequest, imgresponse_config: object) -> Iterator[ImgResponse]:
    """Image requests of this test are answered from its cassette, or recorded into it."""
    from pytest_imgresponse.cassette.recorder import open_session
    from pytest_imgresponse.clients.interception import asked

    config, use = request.config, _use_of(request.node)
    use.ended = False  # of a test that is run again
    if iscoroutinefunction(request.function) and FIXTURE in signature(request.function).parameters:
        import_module("pytest_imgresponse.models")  # its import reads files: not in the event loop later
    problem = None
    try:
        session = _session_of(request.node, use, imgresponse_config)
    except ImgResponseError as error:
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:  # its own traceback says nothing to a user, and neither does what it came from
        pytest.fail(problem, pytrace=False)
    guard, before = config.stash[_STATE].guard, asked()
    with ExitStack() as stack:
        stack.callback(lambda: _judge(config, session, use, request.node.nodeid, seen=asked() > before))
        if guard is None or not guard.spare(request.node, session.settings.ignore_hosts):
            from pytest_imgresponse._guard import blocked

            stack.enter_context(blocked() if _blocks(config) else nullcontext())
        yield stack.enter_context(open_session(session, lambda: use.ended))


def _session_of(node: Any, use: _Use, given: object) -> Session:
    from pytest_imgresponse.cassette.runs import Run
    from pytest_imgresponse.cassette.session import Session

    config = node.config
    state = config.stash[_STATE]
    if use.error is not None:
        raise use.error
    if getattr(getattr(node, "obj", None), "is_hypothesis_test", False):
        raise ConfigError(
            f"{node.nodeid} is a test of Hypothesis, and one cassette cannot serve all its examples; open one in each "
            f"of them: with pytest_imgresponse.replay(path)"
        )
    if len(rivals := state.claims[str(use.cassette).casefold()]) > 1:
        raise CassetteInUseError(
            f"{use.cassette} is claimed by {len(rivals)}: {', '.join(sorted(rivals))}; give one of them a cassette "
            f"of its own with @pytest.mark.imgresponse(name), or an id that differs in more than case"
        )
    command_line = config.getoption("--imgresponse-record")
    settings = settings_from(
        [
            Layer("the command line", {"record": command_line} if command_line else {}),
            _marker_layer(node.nodeid, use.options),
            Layer("the fixture imgresponse_config", _mapping(given)),
            *_ini_layers(config),
        ]
    )
    layouts = _layouts(config)
    folder = layouts.folder(use.test)
    inside(folder, use.cassette)
    return Session(
        use.cassette,
        settings,
        run=Run(state.run_directory),
        remedy=f"pytest {node.nodeid!r} --imgresponse-record={{mode}}",
        gitattributes=folder,
        shared=use.name is not None,
        elsewhere=lambda: layouts.elsewhere(use.test, use.name),
    )


@pytest.fixture
def imgresponse_endpoint() -> Iterator[LocalEndpoint]:
    """An images API on the loopback for this test, started afresh; programs that the test starts find it too.

    Meanwhile `OPENAI_BASE_URL` names it, and `OPENAI_API_KEY` holds a stand-in where none is set.
    """
    from pytest_imgresponse.endpoint import LocalEndpoint

    with LocalEndpoint() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", endpoint.url)
        if not os.environ.get("OPENAI_API_KEY"):
            patch.setenv("OPENAI_API_KEY", ENDPOINT_KEY)
        yield endpoint


def _use_of(node: Any) -> _Use:
    """The use that was noted when the test was collected, or one for a fixture that was asked for by name."""
    if _USE not in node.stash:
        node.stash[_USE] = _use(node, None, {})
    use: _Use = node.stash[_USE]
    return use


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"expected the fixture imgresponse_config to return a dict; got {value!r}")
    return value


def _judge(config: pytest.Config, session: Session, use: _Use, nodeid: str, *, seen: bool) -> None:
    """Count what the test did; under `--imgresponse-strict` refuse what it left behind though it passed."""
    unseen = use.passed and use.own and not seen and not session.settings.allow_unplayed
    shared = use.name is not None
    config.stash[_STATE].tally.add(session, nodeid, passed=use.passed, shared=shared, unseen=unseen)
    if not use.passed or not config.getoption("--imgresponse-strict"):
        return
    if session.misses:
        pytest.fail(f"{type(session.misses[0]).__name__}: {session.misses[0]}", pytrace=False)
    unplayed = [] if shared or session.settings.allow_unplayed else session.unplayed
    problems = []
    if unseen:
        problems.append(
            f"{nodeid} saw no request, though it has the marker or names the fixture. What another process or a client "
            f"that vcrpy does not know asks is not seen: it is sent, unless something else, as a mock, answers it. "
            f"Where there is nothing to ask, leave the marker out."
        )
    if unplayed:
        asked = "\n".join(f"  {i.request.method} {i.request.url}" for i in unplayed[:10])
        problems.append(
            f"{len(unplayed)} of {len(session.loaded)} interactions of {use.cassette} were not played:\n{asked}\n"
            f"Record it afresh (--imgresponse-record=rewrite)."
        )
    if problems:
        told = "\n".join([*problems, "Or allow it: @pytest.mark.imgresponse(allow_unplayed=True)"])
        pytest.fail(f"{UnplayedError.__name__}: {told}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test passed: what is unplayed in a failed one says nothing. An interrupted one has no report."""
    report = yield
    if call.when != "teardown" and (use := item.stash.get(_USE, None)) is not None:
        use.passed = call.when == "call" and report.passed
        use.ended = call.when == "call" or not report.passed
    if report.failed and call.excinfo is not None and not item.config.getoption("fulltrace"):
        report.longrepr = failure(item, call.excinfo.value) or report.longrepr
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: tell a worker which run it belongs to."""
    node.workerinput[_RUN] = str(node.config.stash[_STATE].run_directory)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """pytest-xdist: take what a worker counted."""
    sent = getattr(node, "workeroutput", {}).get(_TALLY)
    if sent is not None:
        state = node.config.stash[_STATE]
        state.tally.merge(sent["tally"])
        for cassette, tests in sent["users"].items():
            state.users[cassette].update(tests)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Judge the shared cassettes; a worker sends its counts instead."""
    state = session.config.stash[_STATE]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        users = {cassette: sorted(tests) for cassette, tests in state.users.items()}
        output[_TALLY] = {"tally": state.tally.as_dict(), "users": users}
        return
    if state.run_directory.exists():
        _finish_shared(session, state)
    judged = {} if _narrowed(session.config) else state.tally.judge_shared(state.users)
    state.tally.unplayed.update(judged)
    if (
        (judged or state.tally.refused)
        and session.config.getoption("--imgresponse-strict")
        and session.exitstatus == pytest.ExitCode.OK
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _finish_shared(session: pytest.Session, state: _State) -> None:
    """Shared cassettes that were rewritten take the place of the old ones, unless the run was cut short."""
    from pytest_imgresponse.cassette.rewriting import finish_shared
    from pytest_imgresponse.cassette.runs import Run

    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    cut_short = not ended or bool(session.shouldstop) or bool(session.shouldfail)
    stay, errors = finish_shared(Run(state.run_directory), cut_short=cut_short)
    state.tally.unfinished += [str(cassette.parent) for cassette in stay]
    state.tally.not_saved += [str(error) for error in errors]
    if errors and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _narrowed(config: pytest.Config) -> bool:
    """Whether files were left out, some of which may hold tests that share a cassette."""
    folders = all((config.invocation_params.dir / argument).is_dir() for argument in config.args)
    return not folders or bool(config.getoption("lf", False))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was recorded, replayed and left unplayed."""
    for line in config.stash[_STATE].tally.lines(config.rootpath):
        terminalreporter.write_line(f"imgresponse: {line}")
