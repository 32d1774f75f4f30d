"""Placeholders: what stands in a cassette for the values that are replaced, so that two of them stay two.

What the client said first is `REDACTED`, which matches any value. In memory it carries a tag, 16 bits of the SHA-256
of the value: `REDACTED-1f2e`. On the disk it keeps the tag only where requests that are equal but for it were recorded
with different values, and then it matches by the tag.

What the server said first gets a placeholder from its place: from a hash of the redacted request, of which answer to
it this is, and of where in the answer the value stands. So a re-recording gives the same placeholders, and they tell
nothing of the value but what it is: a UUID stays a UUID, digits stay as many digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from urllib.parse import quote, unquote

import pybase64

from pytest_imgresponse.secrets.echoes import Echoes

REDACTED = "REDACTED"
REQUEST_ID = "req_redacted"
"""What stands for the value of an `x-request-id`: clients show it, and never send it back."""
_OF_SERVER = "[0-9a-f]{12}(?![A-Za-z0-9])"
TAGGED = re.compile(rf"(?<!UN){REDACTED}(?!-{_OF_SERVER})(?:-(?P<tag>[0-9a-f]{{4}})(?![A-Za-z0-9]))?(?![A-Za-z0-9])")
"""What stands for a value of the client, with or without its tag."""
PLACEHOLDER = re.compile(
    rf"(?<!UN){REDACTED}(?:-{_OF_SERVER}|-[0-9a-f]{{4}}(?![A-Za-z0-9]))?(?![A-Za-z0-9])"
    rf"|redacted-[0-9a-f]{{12}}@example\.com"
)
"""What stands for a value and can be told by its form."""
_NINES = re.compile("9{6,}")
"""What stands for a number of the client's in an answer."""
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{8,}")
_PREFIX = re.compile(r"(?:acct|cus|file|job|key|org|proj|project|req|sess|session|task|team|token|user|usr)[_-]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+")
_AHEAD = 4
"""Answers to equal requests that a merge may have put before one since it got its placeholders."""
_ATTEMPTS = 3
_SHORTEST = 3
"""Characters from which a value of the server's is replaced where it is a segment of a path or a value in a query."""
_WORDS = re.compile(r"[\w@.-]+")
_COMPONENT = re.compile(r"(?<=[/=])[^/?&=;#\\\s]+(?=[/?&;#\\]|\Z)")
_ALONE = re.compile(r"(?<=\")(?=[^\"]*\d)(?=[^\"]*[A-Za-z])[\w-]{4,7}(?=\")")
"""A short id that is a whole value of JSON."""
_URLS = re.compile(r"https?:(?:\\?/){2}[^\s\"'<>\\]+(?:\\/[^\s\"'<>\\]+)*")


class Placeholders:
    """What was replaced in the exchanges of a cassette, in the order in which it was said."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}  # by value; of the client's the bare word
        self._own: dict[str, tuple[str, int]] = {}  # those of the server's values, and the answers that they come from
        self._origin: dict[str, str] = {}  # of what a header carried: the value that it is a form of
        self._everywhere = Echoes()
        self._in_urls: dict[str, str] = {}  # others of the server's, which a client may put into a URL
        self._heard: list[str] = []  # and not looked at yet
        self._texts: list[str] = []  # that were looked at, in the clear
        self._words: set[str] = set()

    def __len__(self) -> int:
        """How many values are known."""
        return len(self._of)

    def of_client(self, value: str) -> str:
        """What stands for a value that a request names or carries; it is known from now on."""
        if _NINES.fullmatch(value):
            return REDACTED
        if value in self._own or is_placeholder(value):
            return value
        if value not in self._of:
            if is_unmistakable(value):
                self._know_forms(value, value, _encoded(value))
            else:
                self._of[value] = REDACTED
        return self._tagged(value)

    def carried(self, values: Iterable[str]) -> None:
        """Know values that a request carried in its headers, and that any text may repeat."""
        several = sorted(values, key=len)
        for value in several:
            if value in self._own or value in self._of or is_placeholder(value):
                continue
            # `Bearer sk-…` tells of `sk-…` alone, whose forms are known with it.
            origin = next(shorter for shorter in several if shorter in value)
            self._know_forms(value, origin, () if value == f"Bearer {origin}" else _encoded(value))

    def _know_forms(self, value: str, origin: str, others: Iterable[str]) -> None:
        for form in (value, *others):
            self._of.setdefault(form, REDACTED)
            self._origin.setdefault(form, self._origin.get(origin, origin))
            self._everywhere.add(form)

    def heard(self, *texts: str) -> None:
        """Keep what the client said: a value that stands there was not said by the server first."""
        self._heard += texts

    def of_server(self, key: str, number: int, *, recorded: bool = False) -> Callable[[str, str], str]:
        """What gives placeholders to the values of an answer, by the value and its place in it.

        It is the answer of this `number`, from 0, to the requests that have this `key`. One that it replaces has left
        its placeholders to it. `recorded` is for one that may have got its placeholders when it was recorded.
        """
        answer = (key, number)
        given: set[str] = set()

        def placeholder(value: str, place: str) -> str:
            # A number may happen to equal the placeholder of another one in the same answer.
            if (value in self._own and not (value.isdigit() and value in given)) or is_placeholder(value):
                return value
            if value not in self._of:
                self._learn(value, *made(value, place))
            # Where an answer has a number, a client may insist on one.
            return "9" * len(value) if value.isdigit() and self._of[value] == REDACTED else self._tagged(value)

        def made(value: str, place: str) -> tuple[str, tuple[str, int]]:
            for n in range(number + _AHEAD) if recorded else ():
                if value in islice(_made(value, key, n, place), _ATTEMPTS):
                    return value, (key, n)
            if self._was_heard(value):
                return REDACTED, answer
            free = (
                m for m in _made(value, key, number, place) if m not in given and self._own.get(m, answer) == answer
            )
            given.add(chosen := next(free))
            return chosen, answer

        return placeholder

    def swept(self, text: str, *, asked: bool = False) -> str:
        """The text with all known values replaced, in whatever form they stand in it; `asked` is that of a request."""

        def placeholder(value: str, form: str) -> str:
            made = self._tagged(value)
            return quote(made, safe="") if "%" in form else made

        text = self._everywhere.replaced(text, placeholder)
        if self._in_urls and asked:
            text = _ALONE.sub(lambda value: self._in_urls.get(value[0], value[0]), text)
        if self._in_urls and ("://" in text or ":\\/" in text):
            text = _URLS.sub(lambda url: _COMPONENT.sub(self._component, url[0]), text)
        return text

    def _component(self, component: re.Match[str]) -> str:
        return self._in_urls.get(unquote(component[0]), component[0])

    def _learn(self, value: str, placeholder: str, answer: tuple[str, int]) -> None:
        self._of[value] = placeholder
        if placeholder != REDACTED:
            self._own[placeholder] = answer
        if is_unmistakable(value):
            self._everywhere.add(value)
        elif placeholder != REDACTED and len(value) >= _SHORTEST:
            self._in_urls[value] = placeholder

    def _was_heard(self, value: str) -> bool:
        while self._heard:
            self._texts.append(plain := unquote(self._heard.pop()))
            self._words.update(_WORDS.findall(plain))
        return not self._words.isdisjoint(_WORDS.findall(value)) and any(value in text for text in self._texts)

    def _tagged(self, value: str) -> str:
        placeholder = self._of[value]
        return f"{REDACTED}-{tag_of(self._origin.get(value, value))}" if placeholder == REDACTED else placeholder


def is_placeholder(value: str) -> bool:
    """Whether a value is one of ours, by its form."""
    return value == REQUEST_ID or _NINES.fullmatch(value) is not None or PLACEHOLDER.fullmatch(value) is not None


def _encoded(value: str) -> Iterator[str]:
    """What a value of the client becomes where it is repeated in another encoding: base64, hexadecimal."""
    for said in (value, f"Bearer {value}"):
        data = said.encode("utf-8", "surrogatepass")
        for plain in (pybase64.b64encode(data), pybase64.urlsafe_b64encode(data)):
            yield plain.decode().rstrip("=")
        yield data.hex()


def tag_of(value: str) -> str:
    """16 bits of the SHA-256 of a value, as four hexadecimal digits."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:4]


def is_unmistakable(value: str) -> bool:
    """Whether a value is replaced wherever it stands: from eight characters, with a digit, and not digits alone."""
    return len(value) >= 8 and any(map(str.isdigit, value)) and not value.isdigit()


def without_tags(text: str) -> str:
    """The text with its tags taken off."""
    return TAGGED.sub(REDACTED, text) if REDACTED in text else text


def tags_in(text: str) -> tuple[str, ...]:
    """The tags of a text in their order; an empty one for what matches any value."""
    return tuple(found["tag"] or "" for found in TAGGED.finditer(text)) if REDACTED in text else ()


def _made(value: str, key: str, answer: int, place: str) -> Iterator[str]:
    """Placeholders for a value in a place, of its kind; the later ones for where the earlier are taken."""
    attempt = 0
    while True:
        seed = json.dumps([key, answer, place, attempt])
        attempt += 1
        blocks = (sha256(f"{n}{seed}".encode("utf-8", "surrogatepass")) for n in range(1 + len(value) // 64))
        yield _of_kind(value, "".join(block.hexdigest() for block in blocks))


def _of_kind(value: str, digits: str) -> str:
    """Hexadecimal digits as a value of the kind of another."""
    if value.isdigit() and value.isascii():
        return str(int(digits, 16))[: len(value)].rjust(len(value), "7")
    if _UUID.fullmatch(value):  # of its version (RFC 9562, section 4.2)
        digits = f"{digits[:12]}{value[14]}{digits[13:16]}8{digits[17:32]}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if _HEX.fullmatch(value):
        return f"e{digits[: len(value) - 2]}0"
    if (prefix := _PREFIX.match(value)) is not None:
        return f"{prefix[0]}redacted{digits[:12]}"
    if _EMAIL.fullmatch(value):
        return f"redacted-{digits[:12]}@example.com"
    return f"{REDACTED}-{digits[:12]}"
