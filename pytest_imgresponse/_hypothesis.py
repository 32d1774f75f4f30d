"""Type strategies, so that `st.from_type(ImagesResponse)` works: for our models, and for those of openai.

`register` is an entry point of the group `hypothesis`: Hypothesis calls it whenever it is imported, in each suite of
those who have both installed. It costs them next to nothing: nothing is imported here but the standard library, a type
is registered when its own module has been imported, and its strategy is built when it is first asked for.
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

    from pytest_imgresponse.models import Image, StreamEvent


def register() -> None:
    """Register the types of what is imported, and see to it that those of what will be are too."""
    for name in _TYPES:
        if (module := sys.modules.get(name)) is not None:
            _register_types(module)
    sys.meta_path.insert(0, _Finder())


def _register_types(module: ModuleType) -> None:
    from hypothesis import strategies as st

    for name, strategy in _TYPES[module.__name__].items():
        if isinstance(found := getattr(module, name, None), type):  # another version may not have it
            st.register_type_strategy(found, strategy)


class _Finder:
    """Has the finders behind it find the modules of `_TYPES`, and learns when one was executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the next finder says, with a loader that registers afterwards; None for any other module."""
        if fullname not in _TYPES:
            return None
        behind = dropwhile(lambda finder: finder is not self, sys.meta_path)
        next(behind, None)
        finds = (finder.find_spec for finder in behind if hasattr(finder, "find_spec"))  # ancient ones have none
        spec: ModuleSpec | None = next(filter(None, (find(fullname, path, target) for find in finds)), None)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """Stands in for a loader until the module is executed; what it is asked for else, it asks that loader for."""

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


def _responses(kind: Any) -> SearchStrategy[Any]:
    from pytest_imgresponse.models import ImagesResponse
    from pytest_imgresponse.strategies import images_responses

    if kind is ImagesResponse:
        return images_responses()
    return images_responses().map(_json_of).map(kind.model_validate)


def _images(kind: Any) -> SearchStrategy[Any]:
    from pytest_imgresponse.models import Image
    from pytest_imgresponse.strategies import images_responses

    images: SearchStrategy[Image] = images_responses().map(lambda response: (response.data or [])[0])
    return images if kind is Image else images.map(_json_of).map(kind.model_validate)


def _json_of(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_unset=True)


def _usages(_: type) -> SearchStrategy[Any]:
    from pytest_imgresponse.strategies import usages

    return usages()


def _partial_events(_: type) -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    # Of three partial ones the last is drawn, and so on: each index that there is.
    return st.integers(1, 3).flatmap(lambda count: _events(-2, partial_images=count))


def _completed_events(_: type) -> SearchStrategy[Any]:
    return _events(-1)


def _events(number: int, *, partial_images: int | None = None) -> SearchStrategy[StreamEvent]:
    from pytest_imgresponse.models import event_from
    from pytest_imgresponse.sse import events_of
    from pytest_imgresponse.strategies import stream_responses

    streams = stream_responses(partial_images=partial_images)
    return streams.map(lambda response: event_from([*events_of(response.body)][number].data))


_TYPES: dict[str, dict[str, Callable[[Any], SearchStrategy[Any]]]] = {
    "pytest_imgresponse.models": {
        "ImagesResponse": _responses,
        "Image": _images,
        "Usage": _usages,
        "PartialImageEvent": _partial_events,
        "CompletedEvent": _completed_events,
    },
    "openai.types.images_response": {"ImagesResponse": _responses},
    "openai.types.image": {"Image": _images},
}
"""By module and class. A module is known by the name that the class is defined under."""
