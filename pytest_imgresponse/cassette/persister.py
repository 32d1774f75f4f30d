"""`ImagePersister`: our cassettes for whoever uses vcrpy or pytest-recording themselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.request import Request as VcrRequest
from vcr.serializers import yamlserializer

from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Likeness
from pytest_imgresponse.cassette.merging import with_needed_tags
from pytest_imgresponse.cassette.placeholders import Placeholders
from pytest_imgresponse.cassette.redaction import Redactor
from pytest_imgresponse.cassette.store import Store
from pytest_imgresponse.clients.messages import from_vcr_request, from_vcr_response, to_vcr_response
from pytest_imgresponse.encodings import remove_encoding
from pytest_imgresponse.errors import CassetteDecodeError, ConfigError


class ImagePersister:
    """A vcrpy persister that keeps pictures as files beside the cassette, redacted and verified.

    Register it with `my_vcr.register_persister(ImagePersister)`, or in the `pytest_recording_configure` hook.
    A damaged cassette raises `CassetteDecodeError`, where vcrpy would go live; a serializer that is not vcrpy's own for
    YAML raises `ConfigError` before anything is sent. For rules of your own, make a subclass with another `redactor`.
    """

    redactor = Redactor(keep_ports=True)

    @classmethod
    def load_cassette(cls, cassette_path: Any, serializer: Any) -> tuple[list[VcrRequest], list[dict[str, Any]]]:
        """What vcrpy asks for when it opens a cassette."""
        _refuse_other_than_yaml(serializer, cassette_path)
        store = Store(Path(cassette_path))
        if not store.exists():
            raise CassetteNotFoundError(f"there is no cassette {cassette_path}")
        try:
            interactions = store.load()
        except OSError as error:
            raise CassetteDecodeError(f"{cassette_path}: the cassette cannot be read: {error}") from error
        requests = [
            VcrRequest(r.method, r.url, r.body or None, dict(r.headers))
            for r in (interaction.request.http() for interaction in interactions)
        ]
        return requests, [to_vcr_response(interaction.response.http()) for interaction in interactions]

    @classmethod
    def save_cassette(cls, cassette_path: Any, cassette_dict: dict[str, Any], serializer: Any) -> None:
        """What vcrpy asks for when it closes one. Raises `OSError`; the old cassette is then as it was."""
        _refuse_other_than_yaml(serializer, cassette_path)
        store = Store(Path(cassette_path))
        placeholders = Placeholders()
        numbers: Counter[str] = Counter()
        interactions = []
        for request, response in zip(cassette_dict["requests"], cassette_dict["responses"], strict=True):
            asked = cls.redactor.request(Request.of(from_vcr_request(request)), placeholders)
            answer = Response.of(remove_encoding(from_vcr_response(response)))
            key = Likeness.of(asked).key
            kept = cls.redactor.response(answer, placeholders, placeholders.of_server(key, numbers[key]))
            numbers[key] += 1
            interactions.append(Interaction(asked, kept))
        with store.lock():
            store.save(with_needed_tags(interactions, _likeness_of, lambda _: False), store.path.parent)


def _refuse_other_than_yaml(serializer: Any, cassette_path: Any) -> None:
    """Raises `ConfigError`: what another serializer wrote would not be read, and what it is to change would not be."""
    if serializer is not yamlserializer:
        name = getattr(serializer, "__name__", type(serializer).__name__)
        raise ConfigError(
            f"{cassette_path}: ImagePersister writes YAML by its own rules; expected vcrpy's serializer 'yaml' "
            f"({yamlserializer.__name__}), got {name} (from `serializer` or `register_serializer`). Leave it out, or "
            f"register another persister; what pydantic-ai's serializer wrote is read as it is"
        )


def _likeness_of(interaction: Interaction) -> Likeness:
    return Likeness.of(interaction.request)
