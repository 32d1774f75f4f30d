"""HTML, written by jinja2 from the templates in this folder."""

from __future__ import annotations

from importlib.resources import files


def file_text(name: str) -> str:
    """The text of a file in this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def rendered(name: str, **values: object) -> str:
    """The page that a template makes of these values, which are escaped. Raises `ImportError` without jinja2."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(file_text(name)).render(values)
