"""Choosing: which recorded interaction answers a request.

Of those that equal it in what counts, the next one that is not played yet. Where the cassette holds such that differ in
a redacted value, in Range or in Accept, these count too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_imgresponse._config import Matcher
from pytest_imgresponse.cassette.interaction import Interaction, Request
from pytest_imgresponse.cassette.matching import CONDITIONS, Facets, Likeness, facets_of
from pytest_imgresponse.cassette.merging import untagged
from pytest_imgresponse.cassette.placeholders import PLACEHOLDER, REDACTED, TAGGED, is_unmistakable, tag_of
from pytest_imgresponse.http import HTTPRequest


@dataclass(eq=False)
class _Held:
    """A recorded interaction, its request as it is compared, and whether it was given."""

    interaction: Interaction
    request: Request
    likeness: Likeness
    played: bool = False


class Playable:
    """The interactions of a cassette, each with how `Cleaning` has it, whose request is compared.

    Each is given once; with `repeats` the last one again. Functions of `match_on` get two requests, the recorded and
    the asked, and say no by False or by `AssertionError`.
    """

    def __init__(
        self,
        held: Iterable[tuple[Interaction, Interaction]],
        likeness_of: Callable[[Interaction], Likeness],
        match_on: Sequence[Matcher],
        *,
        repeats: bool = False,
    ) -> None:
        self._match_on = match_on
        self._functions: list[Callable[[HTTPRequest, HTTPRequest], Any]] = [m for m in match_on if callable(m)]
        self._repeats = repeats
        self._held = [_Held(interaction, clean.request, likeness_of(clean)) for interaction, clean in held]
        self._by_key: dict[str, list[_Held]] = defaultdict(list)
        for each in self._held:
            self._by_key[each.likeness.key].append(each)

    @property
    def facets(self) -> list[Facets]:
        """What is compared of the recorded requests, to tell the nearest; made anew each time."""
        return [facets_of(untagged(each.request), self._match_on) for each in self._held]

    def count(self, key: str) -> int:
        """How often a request is recorded."""
        return len(self._by_key.get(key, ()))

    def take(self, request: Request, likeness: Likeness) -> Interaction | None:
        """The interaction that answers a request, which is played from now on."""
        fitting = self._fitting(request, likeness)
        left = [each for each in fitting if not each.played]
        if not left and self._repeats:
            left = fitting[::-1]
        if not left:
            return None
        chosen = next((each for each in left if each.likeness.tags == likeness.tags), left[0])
        chosen.played = True
        return chosen.interaction

    def put_back(self, interaction: Interaction) -> None:
        """Have an interaction that was taken as if it had not been."""
        next(each for each in self._held if each.interaction is interaction).played = False

    def left(self) -> list[tuple[Interaction, Request]]:
        """What was not given yet."""
        return [(each.interaction, each.request) for each in self._held if not each.played]

    def apart(self, request: Request, likeness: Likeness) -> str | None:
        """What tells a request from the recorded ones that equal it but for that; None where there are none."""
        equal = self._by_key.get(likeness.key, [])
        if not equal or self._fitting(request, likeness):
            return None
        for number, name in enumerate(CONDITIONS):
            recorded = _different(each.likeness.conditions[number] for each in equal)
            if recorded and (asked := likeness.conditions[number]) not in recorded:
                return f"header {name.title()}: recorded {' and '.join(recorded)}, asked {asked}"
        if not any(each.likeness.fits(likeness) for each in equal):
            return "a redacted value: they were recorded with other ones than the asked (a key that was rotated?)"
        accepts = _different(each.likeness.accept for each in equal)
        if len(accepts) > 1 and likeness.accept not in accepts:
            return f"header Accept: recorded {' and '.join(accepts)}, asked {likeness.accept}"
        return "what a function of `match_on` compares"

    def _fitting(self, request: Request, likeness: Likeness) -> list[_Held]:
        """The interactions that may answer a request, played or not, in the order of recording."""
        fitting = [each for each in self._by_key.get(likeness.key, ()) if each.likeness.fits(likeness)]
        if likeness.key not in self._by_key:
            fitting = [each for each in self._held if fits_as_pattern(each.likeness, likeness)]
            if len({each.likeness.key for each in fitting}) > 1:
                fitting = []
        if len({each.likeness.conditions for each in fitting}) > 1:
            fitting = [each for each in fitting if each.likeness.conditions == likeness.conditions] or fitting
        if len({each.likeness.accept for each in fitting}) > 1:
            fitting = [each for each in fitting if each.likeness.accept in (None, likeness.accept)]
        if self._functions and fitting:
            asked = untagged(request).http()
            fitting = [each for each in fitting if self._say_yes(untagged(each.request).http(), asked)]
        return fitting

    def _say_yes(self, recorded: HTTPRequest, asked: HTTPRequest) -> bool:
        try:
            return all(function(recorded, asked) in (None, True) for function in self._functions)
        except AssertionError:
            return False


def _different(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value is not None})


def fits_as_pattern(recorded: Likeness, asked: Likeness) -> bool:
    """Whether a request equals a recorded one but for values of which one side has a placeholder alone.

    A value, of an account in a path perhaps, is redacted in a request that does not name it if an earlier one did; it
    stands in the clear where it is asked without that one. And a plain word that an answer named is replaced there
    alone, so that a client asks for the placeholder where the word was recorded.
    """
    if not recorded.allows(asked):
        return False
    values = _values(recorded.key, asked.key)
    if values is not None:
        known = zip(values, _tags(recorded), strict=True)
        return all(value == REDACTED or (is_unmistakable(value) and tag in ("", tag_of(value))) for value, tag in known)
    return _values(asked.key, recorded.key) is not None


def _values(pattern: str, text: str) -> list[str] | None:
    """What stands in a text where the pattern has placeholders; None where it does not fit."""
    pieces = PLACEHOLDER.split(pattern)
    if len(pieces) == 1 or not text.startswith(pieces[0]) or not text.endswith(pieces[-1]):
        return None
    found = re.fullmatch("([A-Za-z0-9._~%+:=@-]{1,512}?)".join(map(re.escape, pieces)), text)
    return None if found is None else list(found.groups())


def _tags(likeness: Likeness) -> list[str]:
    """The tags of the placeholders of a key; those of the server's values have none."""
    tags = iter(likeness.tags)
    return [next(tags) if TAGGED.fullmatch(found[0]) else "" for found in PLACEHOLDER.finditer(likeness.key)]
