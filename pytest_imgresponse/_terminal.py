"""Text for a terminal, without the control characters that a terminal would act on."""

from __future__ import annotations


def escaped(text: str) -> str:
    """A text with what cannot be printed written as escapes, but for line ends."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
