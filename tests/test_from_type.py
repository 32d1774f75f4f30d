"""`st.from_type` knows our models and openai's, whichever is imported first, and nobody pays who does not ask."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Protocol, runtime_checkable

import openai.types
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from openai.types import images_response

from pytest_imgresponse import (
    CompletedEvent,
    HTTPRequest,
    HTTPResponse,
    Image,
    ImagesResponse,
    PartialImageEvent,
    Usage,
    _hypothesis,
    check,
    models,
    strategies,
)
from pytest_imgresponse.strategies import base64_payloads, image_files
from tests.conftest import slow


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


TYPES = [
    ImagesResponse,
    Image,
    Usage,
    PartialImageEvent,
    CompletedEvent,
    models.InputTokensDetails,
    models.OutputTokensDetails,
    models.SvgUsage,
    models.ErrorBody,
    openai.types.ImagesResponse,
    openai.types.Image,
    openai.types.ImageGenPartialImageEvent,
    openai.types.ImageEditPartialImageEvent,
    openai.types.ImageGenCompletedEvent,
    openai.types.ImageEditCompletedEvent,
    images_response.Usage,
    images_response.UsageInputTokensDetails,
    images_response.UsageOutputTokensDetails,
    images_response.SvgUsage,
]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@settings(max_examples=20)
@given(data=st.data())
def test_what_is_drawn_is_of_the_type_and_valid(kind, data):
    drawn = data.draw(st.from_type(kind))
    assert type(drawn) is kind
    assert kind.model_validate(drawn.model_dump(mode="json", exclude_unset=True)) == drawn


def test_every_model_is_known():
    ours = {each for each in vars(models).values() if isinstance(each, type) and issubclass(each, models.Model)}
    assert {each.__name__ for each in ours if each.__name__[0] != "_"} - {"Model"} == set(
        _hypothesis._TYPES["pytest_imgresponse.models"]
    )
    for module, kinds in _hypothesis._TYPES.items():
        for name in kinds:
            assert isinstance(getattr(importlib.import_module(module), name), type)


QUICK = settings(phases=[Phase.generate], database=None)


@runtime_checkable
class Answers(Protocol):
    def json(self): ...


@dataclass(frozen=True)
class Fixed:
    def json(self):
        return {}


@pytest.fixture
def answering():
    """A type of somebody else's that answers too."""
    st.register_type_strategy(Fixed, st.builds(Fixed))


# Each is a supertype of some that are registered here. (BaseModel of pydantic is another, and it refuses to be made.)
SUPERTYPES = [object, Hashable, dict[Hashable, int], Answers, openai.BaseModel, models.Model]


@pytest.mark.parametrize("kind", SUPERTYPES, ids=lambda kind: getattr(kind, "__qualname__", str(kind)))
@pytest.mark.parametrize("number", range(3))
@pytest.mark.filterwarnings("ignore::hypothesis.errors.SmallSearchSpaceWarning")  # of a model without fields
def test_a_supertype_is_drawn_as_without_us(kind, number, answering):
    drawn = []

    @seed(number)
    @settings(QUICK, max_examples=50)
    @given(st.from_type(kind))
    def draws(value):
        drawn.append(value)

    draws()
    assert not {type(value) for value in drawn} & {*TYPES, HTTPResponse, HTTPRequest}


@pytest.mark.parametrize("kind", [int | Usage, Usage | None], ids=str)
def test_a_union_has_both(kind):
    assert find(st.from_type(kind), lambda drawn: isinstance(drawn, Usage), settings=QUICK)
    assert not isinstance(find(st.from_type(kind), lambda drawn: not isinstance(drawn, Usage), settings=QUICK), Usage)


@settings(max_examples=20)
@given(st.from_type(HTTPResponse), st.from_type(HTTPRequest))
def test_a_message_is_one_of_the_api(response, request):
    assert check(response) == []
    assert request.json()["prompt"]


@pytest.mark.parametrize(
    ("strategy", "shown"),
    [
        (st.from_type(Image), "Image(b64_json=<8304 characters: 'iVBORw0KGgoAAAAN'…>"),
        (st.from_type(Usage), "Usage(input_tokens=1, output_tokens=1, total_tokens=2, "),
        (st.from_type(PartialImageEvent), "PartialImageEvent(b64_json=<8304 characters"),
        (image_files(), "picture_of(output_format='png', size='1024x1024', transparent=False, seed=0)"),
        (base64_payloads(), "payload_of(output_format='png', size='1024x1024', transparent=False, seed=0)"),
    ],
    ids=str,
)
def test_a_failing_test_shows_the_value_in_few_characters(strategy, shown):
    @settings(database=None, derandomize=True, max_examples=5)
    @given(strategy)
    def fails(drawn):
        raise AssertionError

    with pytest.raises(AssertionError) as raised:
        fails()
    notes = "".join("".join(raised.value.__notes__).split())
    assert "drawn=" + shown.replace(" ", "") in notes.replace(",)", ")")
    assert len(notes) < 500


@pytest.mark.parametrize("strategy", [image_files(), base64_payloads()], ids=["image_files", "base64_payloads"])
def test_what_is_printed_of_a_picture_makes_it_again(strategy):
    drawn = []

    @settings(database=None, derandomize=True, max_examples=5)
    @given(strategy)
    def fails(value):
        drawn.append(value)
        raise AssertionError

    with pytest.raises(AssertionError) as raised:
        fails()
    call = re.search(r"value=(p\w+_of\(.*?\))", "".join(raised.value.__notes__), re.DOTALL)[1]
    assert eval(call, vars(strategies)) == drawn[-1]


@settings(max_examples=20)
@given(st.from_type(ImagesResponse))
def test_a_response_has_pictures(response):
    assert all(image.url or image.format for image in response.data)


@settings(max_examples=20)
@given(st.from_type(openai.types.ImagesResponse))
def test_a_response_of_openai_is_as_ours(response):
    fields = response.model_dump(mode="json", exclude_unset=True)
    assert ImagesResponse.from_json(fields).model_dump(mode="json", exclude_unset=True) == fields


@pytest.mark.parametrize("index", [0, 1, 2])
def test_every_index_of_a_partial_image_is_drawn(index):
    partial = find(st.from_type(PartialImageEvent), lambda event: event.partial_image_index == index, settings=QUICK)
    assert partial.format == partial.output_format


def test_they_shrink_to_the_plainest():
    plain = find(st.from_type(ImagesResponse), lambda response: True)
    assert plain.model_fields_set == {"created", "data"}
    assert find(st.from_type(Image), lambda image: True) == plain.data[0]
    theirs = find(st.from_type(openai.types.Image), lambda image: True)
    assert theirs.b64_json == plain.data[0].b64_json


DRAW = """
from hypothesis import find, Phase, settings
quick = settings(phases=[Phase.generate], database=None)
for kind in kinds:
    assert type(find(st.from_type(kind), lambda drawn: True, settings=quick)) is kind
print("drawn")
"""


@pytest.mark.parametrize(
    "imports",
    [
        "from hypothesis import strategies as st\n{types}",
        *slow(
            "{types}\nfrom hypothesis import strategies as st",
            "import pytest_imgresponse.strategies\nfrom hypothesis import strategies as st\n{types}",
        ),
    ],
    ids=["hypothesis first", "hypothesis last", "our strategies first"],
)
def test_the_order_of_imports_does_not_matter(imports):
    types = (
        "from pytest_imgresponse import ImagesResponse, PartialImageEvent\n"
        "from openai.types import ImagesResponse as Theirs, Image\n"
        "kinds = [ImagesResponse, PartialImageEvent, Theirs, Image]\n"
    )
    assert python("-W", "error", "-c", imports.format(types=types) + DRAW).stdout == "drawn\n"


@pytest.mark.slow
def test_under_pytest_too(pytester):
    """Where pytest has its own way of importing our modules, to rewrite their assertions."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st
        from pytest_imgresponse import ImagesResponse

        @settings(max_examples=3)
        @given(st.from_type(ImagesResponse))
        def test_it(response):
            assert response.created

        def test_the_module_is_as_pytest_loads_it():
            import pytest_imgresponse.models as models
            assert type(models.__loader__).__name__ == "AssertionRewritingHook"
            assert models.__spec__.loader is models.__loader__
        """
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_importing_hypothesis_imports_nothing_else_of_ours():
    """Nor of anybody's: what comes with Hypothesis is all that is there."""
    show = "import hypothesis, sys; print(*sys.modules)"
    alone = python("-c", show, HYPOTHESIS_NO_PLUGINS="1").stdout.split()
    assert set(python("-c", show).stdout.split()) - set(alone) == {
        "pytest_imgresponse",
        "pytest_imgresponse._hypothesis",
    }
    log = python("-X", "importtime", "-c", "import hypothesis").stderr
    for heavy in ("pydantic", "PIL", "openai", "pytest_imgresponse.strategies"):
        assert f" {heavy}" not in log


# What the finder may not disturb: an import of a module that it waits for.


@pytest.fixture
def fox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a module `fox_module.kinds` whose `Fox` is waited for."""
    package = tmp_path / "fox_module"
    package.mkdir()
    (package / "__init__.py").touch()
    path = package / "kinds.py"
    path.write_text("class Fox:\n    def __init__(self, *, tail):\n        self.tail = tail\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [_hypothesis._Finder(), *sys.meta_path])
    monkeypatch.setitem(_hypothesis._TYPES, "fox_module.kinds", {"Fox": lambda kind: st.just(kind(tail=1))})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield path
    for name in [name for name in sys.modules if name.partition(".")[0] == "fox_module"]:
        del sys.modules[name]


def kinds():
    return importlib.import_module("fox_module.kinds")


def tail_of(kind: type) -> int:
    return find(st.from_type(kind), lambda fox: True).tail


def test_a_module_that_is_waited_for_is_as_ever(fox):
    module = kinds()
    assert tail_of(module.Fox) == 1
    assert type(module.__loader__) is SourceFileLoader
    assert module.__spec__.loader is module.__loader__
    assert module.__file__ == str(fox)
    assert "class Fox" in inspect.getsource(module.Fox)


def test_another_module_is_not_ours_to_find(fox):
    assert _hypothesis._Finder().find_spec("fox_module", None) is None


def test_a_finder_that_was_taken_out_finds_nothing(fox):
    assert _hypothesis._Finder().find_spec("fox_module.kinds", None) is None


def test_a_reloaded_module_has_its_new_class_registered(fox):
    old = kinds().Fox
    module = importlib.reload(kinds())
    assert module.Fox is not old
    assert tail_of(module.Fox) == tail_of(old) == 1
    assert type(module.__loader__) is SourceFileLoader


def test_a_module_that_fails_fails_as_ever_and_may_be_tried_again(fox):
    source = fox.read_text()
    fox.write_text("raise OSError('no fox')")
    with pytest.raises(OSError, match="no fox"):
        kinds()
    assert "fox_module.kinds" not in sys.modules
    fox.write_text(source)
    importlib.invalidate_caches()
    assert tail_of(kinds().Fox) == 1


class Ancient:
    """A finder of the kind that Python 3.12 no longer asks."""

    def find_module(self, fullname, path):
        return None


def test_a_module_that_is_not_there_is_not_there(fox):
    fox.unlink()
    sys.meta_path.append(Ancient())
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'fox_module\.kinds'"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        kinds()


def test_asking_for_the_spec_imports_nothing(fox):
    spec = importlib.util.find_spec("fox_module.kinds")
    assert "fox_module.kinds" not in sys.modules
    assert spec.origin == str(fox)
    assert "class Fox" in spec.loader.get_source("fox_module.kinds")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert tail_of(module.Fox) == 1
    assert spec.loader is module.__loader__


def test_a_loader_that_is_wrapped_by_somebody_else_is_left_to_them(fox):
    spec = importlib.util.find_spec("fox_module.kinds")
    module = importlib.util.module_from_spec(spec)
    ours, theirs = spec.loader, object()
    module.__loader__ = spec.loader = theirs
    ours.exec_module(module)
    assert module.__loader__ is module.__spec__.loader is theirs


def test_a_namespace_package_in_its_place_is_one(fox):
    fox.unlink()
    fox.with_suffix("").mkdir()
    importlib.invalidate_caches()
    assert list(kinds().__path__) == [str(fox.with_suffix(""))]


def test_a_version_without_the_class_is_imported_all_the_same(fox):
    fox.write_text("Fox = 7\n")
    assert kinds().Fox == 7


def test_what_is_imported_already_is_registered_at_once(fox, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[1:])
    module = kinds()
    _hypothesis.register()
    assert tail_of(module.Fox) == 1
    assert isinstance(sys.meta_path[0], _hypothesis._Finder)


def test_two_finders_do_not_go_round_in_circles(fox, monkeypatch):
    """As when Hypothesis was imported twice."""
    monkeypatch.setattr(sys, "meta_path", [_hypothesis._Finder(), *sys.meta_path])
    assert tail_of(kinds().Fox) == 1
    assert type(kinds().__loader__) is SourceFileLoader
