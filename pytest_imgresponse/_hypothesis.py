"""Type strategies, so that `st.from_type(ImagesResponse)` works: for our models, and for those of openai.

`register` is an entry point of the group `hypothesis`: Hypothesis calls it whenever it is imported, in every project
that has both packages installed. So it has to cost next to nothing: only the standard library is imported here, a type
is registered once its own module was imported by somebody else, and its strategy is built when it is first asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from itertools import dropwhile
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def register() -> None:
    """Register the types of the modules that are imported, and those of others when they will be."""
    for name in _TYPES:
        if (module := sys.modules.get(name)) is not None:
            _register_types(module)
    sys.meta_path.insert(0, _Finder())


def _register_types(module: ModuleType) -> None:
    from hypothesis import strategies as st

    for name, strategy in _TYPES[module.__name__].items():
        if isinstance(found := getattr(module, name, None), type):  # another version may not have it
            st.register_type_strategy(found, _for_itself(found, strategy))


def _for_itself(kind: type, strategy: Callable[[Any], SearchStrategy[Any]]) -> Callable[[Any], Any]:
    """The strategy for one class alone, and not for its supertypes (`object`, a protocol)."""
    # For a type without a strategy, Hypothesis asks those of all known subtypes, and passes the type. Without this,
    # `st.from_type(object)` would draw our models, in suites that do not use this package.
    return lambda asked: strategy(kind) if asked is kind else NotImplemented


class _Finder:
    """Lets the finders after it find the modules of `_TYPES`, and registers the types once a module was executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the next finder says, with a loader that registers afterwards; None for any other module."""
        if fullname not in _TYPES:
            return None
        after = dropwhile(lambda finder: finder is not self, sys.meta_path)
        next(after, None)
        # Finders of the old protocol, which Python ignores since 3.12, have no `find_spec`.
        finds = (finder.find_spec for finder in after if hasattr(finder, "find_spec"))
        spec: ModuleSpec | None = next(filter(None, (find(fullname, path, target) for find in finds)), None)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """Stands in for a loader until the module is executed; all other attributes are those of that loader."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute it with its own loader in place, and register its types if that went well."""
        if module.__loader__ is self:
            module.__loader__ = self._loader
        if module.__spec__ is not None and module.__spec__.loader is self:  # type: ignore[comparison-overlap]
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register_types(module)


def _drawn(name: str, **arguments: Any) -> Callable[[Any], SearchStrategy[Any]]:
    """A strategy of `strategies.by_type`, for a given type: ours, or that of openai. Built when it is asked for."""

    def strategy(kind: Any) -> SearchStrategy[Any]:
        from pytest_imgresponse.strategies import by_type

        return by_type.of_type(kind, getattr(by_type, name)(**arguments))

    return strategy


_INPUT, _OUTPUT = _drawn("input_details"), _drawn("output_details")
_TYPES: dict[str, dict[str, Callable[[Any], SearchStrategy[Any]]]] = {
    "pytest_imgresponse.http": {"HTTPResponse": _drawn("http_responses"), "HTTPRequest": _drawn("requests")},
    "pytest_imgresponse.models": {
        "ImagesResponse": _drawn("images_responses"),
        "Image": _drawn("images"),
        "Usage": _drawn("usages"),
        "InputTokensDetails": _INPUT,
        "OutputTokensDetails": _OUTPUT,
        "SvgUsage": _drawn("svg_usages"),
        "PartialImageEvent": _drawn("partial_events"),
        "CompletedEvent": _drawn("completed_events"),
        "ErrorBody": _drawn("error_bodies"),
    },
    "openai.types.images_response": {
        "ImagesResponse": _drawn("images_responses"),
        "Usage": _drawn("usages"),
        "UsageInputTokensDetails": _INPUT,
        "UsageOutputTokensDetails": _OUTPUT,
        "SvgUsage": _drawn("svg_usages"),
    },
    "openai.types.image": {"Image": _drawn("images")},
    "openai.types.image_gen_partial_image_event": {
        "ImageGenPartialImageEvent": _drawn("partial_events", operation="generation")
    },
    "openai.types.image_edit_partial_image_event": {
        "ImageEditPartialImageEvent": _drawn("partial_events", operation="edit")
    },
    "openai.types.image_gen_completed_event": {
        "ImageGenCompletedEvent": _drawn("completed_events", operation="generation")
    },
    "openai.types.image_edit_completed_event": {
        "ImageEditCompletedEvent": _drawn("completed_events", operation="edit")
    },
}
"""By module and class. A module is known by the name that the class is defined under."""
