"""Where secrets stand in what an exchange says: JSON, event streams, forms, multipart, XML, URLs, messages, archives.

`SecretPlaces` finds them and writes in their place what its caller makes of each, in the form that it stood in: escaped
as in JSON, percent-encoded, as often as it was. What is no secret stays as it was to the byte. A text is looked at once
for the words that secrets stand beside, and only where there is one is it taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import pybase64

from pytest_imgresponse.http import Pairs, boundary_of
from pytest_imgresponse.secrets.archives import decoded, encoded, redacted_inside
from pytest_imgresponse.secrets.escapes import Found, Layer, Replace, as_it_is, json_layer, url_layer, xml_layer
from pytest_imgresponse.secrets.json_leaves import leaves
from pytest_imgresponse.secrets.messages_and_urls import (
    HIDDEN,
    HIDING,
    TRAILING,
    found_in_text,
    in_form,
    in_table,
    may_hold,
)
from pytest_imgresponse.secrets.names import Kind, Names, innocent_within, is_trivial, looks_secret
from pytest_imgresponse.secrets.shapes import found_shapes, words

_DEEPEST = 6
"""Texts within texts that are taken apart."""
_PAYLOAD = re.compile(
    r"(?:data:[^,\s]{0,100};base64,)?(?:[A-Za-z0-9+/_\\-]{60,}+(?:\s|={1,2})*+)*+[A-Za-z0-9+/_\\-]*+={0,2}\s*+"
)
"""Base64 of a picture, in one line or in lines of 60 characters or more (RFC 2045, section 6.8, has 76)."""
_SHORTEST_PAYLOAD = 1024
_SHORT = 256
"""Characters of a text that may come again and again, as a URL does: what is said of it is kept."""
_JSON_START = re.compile(
    r"\s*(?:\{(?:\s|data:)*+(?:\"|\}|\Z)"
    r"|\[\s*+(?:[\"{\[\]]|-?\d[\d.eE+-]*+\s*+(?:,|\]\s*+(?:[,}\]\[{]|\Z)|\Z)|true|false|null|\Z))"
)
_JSON_STRING = re.compile(r'\s*"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"\s*+(?:[:,\]}]|\Z)|\Z)', re.DOTALL)
_FORM = re.compile(r"[\w.%+\[\]*-]{1,256}=(?:[^&\s=][^&\s]*)?(?:&[^=&\s]*=?[^&\s]*)*+\s*")
_EVENT = re.compile(r"(?:\A|(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r))(?:[^\r\n]+(?:\r\n|\r|\n|\Z))+")
_FIELD = re.compile(r"(?m)^(?:data|event|id|retry|):", re.MULTILINE)
_DATA = re.compile(r"^data:[ ]?", re.MULTILINE)
_SNIFFED_BOUNDARY = re.compile(r"--([^\r\n]{1,100}?)[ \t]*\r?\n")
_PART_NAME = re.compile(r"(?i)content-disposition:[^\r\n]*?;\s*name\*?=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]+))")
_IN_BASE64 = re.compile(r"(?i)content-transfer-encoding:\s*base64")
_BLANK_LINE = re.compile(r"\r?\n\r?\n")
_ELEMENT = re.compile(r"<(?P<name>[A-Za-z_][\w:.-]{0,127}+)(?P<attributes>(?:\s[^<>]*+)?)>(?P<value>[^<]*+)(?=</|\Z)")
_CDATA = re.compile(
    r"<(?P<name>[A-Za-z_][\w:.-]{0,127}+)(?:\s[^<>]*+)?>\s*+<!\[CDATA\[(?P<value>(?:[^\]]|\](?!\]>))*+)\]\]>"
)
_ATTRIBUTE = re.compile(r"(?<=\s)(?P<name>[\w:.-]{1,128}+)\s*+=\s*+(?:\"(?P<value>[^\"<]*+)\"|'(?P<other>[^'<]*+)')")
_TAG = re.compile(r"<(?P<name>[A-Za-z_][\w:.-]*+)(?P<attributes>\s[^<>]*+)>(?P<value>[^<]*+)")
_ANY_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z_][\w:.-]{0,127}+)(?:\s[^<>]*?)?(?P<empty>/?)>(?P<value>[^<]*+)")
_KEYED = re.compile(
    r"<(?P<of>key|name|header|Key|Name)>(?P<name>[^<]{1,128})</(?P=of)>\s*+<(?P<tag>[A-Za-z]\w*+)>(?P<value>[^<]*+)(?=</)"
)
_NAMED_ENTITY = re.compile(r"&(?:quot|apos|amp|#34|#39|#43|#x2[27bB]);")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|key|apikey|api-key)\s+(?=\S)")
_VOID = words("area base br col embed hr img input link meta source track wbr")
_MOST_OPEN = 32
_LABELS = ("name", "key", "header", "id", "param")

_SECRET_HEADER = re.compile(
    r"(?i)auth|key|token|secret|cookie|password|credential|signature|session|organi[sz]ation|project|account|tenant|cf-ray|passphrase"
    r"|jwt|csrf|xsrf|hmac|\Ax-(?:pat|access|user|licen[cs]e|subscription)\Z|user-?(?:id|name)\Z|client-id\Z|-pat\Z"
)
_OPEN_HEADER = re.compile(
    r"(?i):?authority|www-authenticate|proxy-authenticate|authentication-info|x-ratelimit-.*|ratelimit.*|access-control-.*|.*-tokens"
    r"|(?:x-)?(?:cache|surrogate)-keys?|x-robots.*|content-.*|sec-websocket-.*|keep-alive|author|x-request-id|.*-location|.*token-count"
)
_PARAMETER = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s,;\"]+))")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_OPEN_PARAMETERS = words("realm algorithm qop nc uri signedheaders opaque version timestamp")


class SecretPlaces:
    """Finds secrets in texts and replaces them in their place.

    `names` are names that always hold one, `keep_names` such that never do, though a key that is known by its shape is
    replaced under them too; `values` are texts and patterns that are secret wherever they stand.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        values: Iterable[str | re.Pattern[str]] = (),
        keep_names: Iterable[str] = (),
    ) -> None:
        self._names = Names(names, keep_names)
        self._a_short_one_may = lru_cache(maxsize=1024)(self._any_may)
        self._values = tuple(v if isinstance(v, re.Pattern) else re.compile(re.escape(v)) for v in values if v)

    def url(self, url: str, replace: Replace) -> str:
        """A URL without its secrets."""
        return self.text(url, replace)

    def text(self, text: str, replace: Replace, place: str = "") -> str:
        """A header's value, a reason, a message, or whatever else it may be, without its secrets."""
        return _replaced(text, [*self._of_user(text, place), *self._within(text, place, 0)], replace, ())

    def body(self, text: str, content_type: str | None, replace: Replace, marks: Sequence[str] = ()) -> str:
        """A body without its secrets. What holds one of `marks`, words that stand for pictures, is none."""
        if not text:
            return text
        found = self._of_user(text, "")
        boundary = boundary_of(content_type)
        if boundary is not None and f"--{boundary.decode()}" in text:  # else this is the content of a part
            found += self._in_multipart(text, boundary.decode(), "", 0)
        elif (content_type or "").lower().startswith("application/x-www-form-urlencoded"):
            found += self._in_form(text, "", 0)
        else:
            found += self._within(text, "", 0)
        return _replaced(text, found, replace, marks)

    def of_headers(self, headers: Pairs, url: str) -> list[str]:
        """The values by which headers and URL authorise an exchange, and which its texts may repeat; longest first."""
        values: set[str] = set()
        for name, value in headers:
            name = name.lower()
            # OpenAI's id of a request leads to an account. That of a job at a queue is no secret.
            if name == "x-request-id" and value.startswith("req_"):
                values.add(value)
            if (_SECRET_HEADER.search(name) and not _OPEN_HEADER.fullmatch(name)) or self._names.kind(
                name
            ) is Kind.CERTAIN:
                values.update(_of_header(name, value))
        if "@" in url:
            try:
                parts = urlsplit(url)
            except ValueError:
                parts = urlsplit("")
            for part in (parts.username, parts.password):
                values.update({part, unquote(part)} if part else ())
        values |= {form for value in values if "+" in value or "/" in value for form in _as_urlsafe(value)}
        return sorted((v for v in values if _is_unmistakable(v)), key=lambda v: (-len(v), v))

    def _of_user(self, text: str, place: str) -> list[Found]:
        return [
            Found(*found.span(), found[0], place, True, as_it_is)
            for pattern in self._values
            for found in pattern.finditer(text)
            if found[0]
        ]

    def _may_hold(self, text: str) -> bool:
        return self._a_short_one_may(text) if len(text) <= _SHORT else self._any_may(text)

    def _any_may(self, text: str) -> bool:
        if len(text) >= _SHORTEST_PAYLOAD:
            pieces = text.split('"')
            if any(len(piece) >= _SHORTEST_PAYLOAD and piece.startswith(HIDING) for piece in pieces):
                return True
            if any(len(piece) >= _SHORTEST_PAYLOAD for piece in pieces):
                text = '"'.join(["" if _is_payload(piece) else piece for piece in pieces])
        return may_hold(text, self._names) or self._has_value(text)

    def _has_value(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self._values)

    def _within(self, text: str, place: str, depth: int) -> list[Found]:
        """The secrets of a text of whatever kind."""
        if depth > _DEEPEST or not self._may_hold(text):
            return []
        if len(text) >= _SHORTEST_PAYLOAD and text.startswith(HIDING) and HIDDEN.fullmatch(text):  # else maybe a key
            return list(self._hidden(text, place, depth))
        start = text.lstrip()[:1]
        found: list[Found] = []
        if start in ("{", "["):
            found += self._in_json(text, place, depth)
            if not _JSON_START.match(text):  # a dict of Python, `[2024-06-01] a message`
                found += found_in_text(text, self._names, place)
        elif start == '"':
            found += self._in_json(text, place, depth)
            if not _JSON_STRING.match(text):
                found += found_in_text(text, self._names, place)
        elif start == "<":
            found += self._in_xml(text, place, depth)
            found += self._in_message(text, place, depth)
        elif (
            start == "-"
            and (boundary := _SNIFFED_BOUNDARY.match(text))
            and "content-disposition" in text[:4096].lower()
        ):
            found += self._in_multipart(text, boundary[1], place, depth)
        elif _FIELD.match(text) and _DATA.search(text):
            found += self._in_events(text, place, depth)
        elif _FORM.fullmatch(text):
            found += self._in_form(text.rstrip(TRAILING), place, depth)
            if "+" in text:  # a sign of base64 in a setting, `AccountKey=a+b`, or a blank of a form
                found += (
                    one
                    for one in found_in_text(text, self._names, place)
                    if one.value[0] != "+" or looks_secret(one.value)
                )
        else:
            if "</" in text:
                found += self._in_xml(text, place, depth)
            found += in_table(text, self._names, place)
            found += self._in_message(text, place, depth)
        if "&" in text and start not in ('"', "-") and _NAMED_ENTITY.search(text) and not _JSON_START.match(text):
            found += self._lifted(xml_layer(text), place, depth)
        if "%" in text and start not in ("{", "[", '"', "<", "-"):
            layer = url_layer(text)
            if layer.text != text:
                found += self._lifted(layer, place, depth)
        if start not in ("{", "["):
            found += self._hidden(text, place, depth)
        return found

    def _hidden(self, text: str, place: str, depth: int) -> Iterator[Found]:
        """What is base64 of a JSON text, an archive or a file in a `data:` URL."""
        for found in HIDDEN.finditer(text):
            start, end = found.span("content" if found["content"] is not None else "v")
            yield from self._in_base64(text[start:end], start, f"{place}~", depth)

    def _in_base64(self, raw: str, start: int, place: str, depth: int) -> Iterator[Found]:
        data = decoded(raw)
        if data is None:
            return

        def rewritten(replace: Replace) -> str:
            clean = redacted_inside(
                data,
                lambda text: _replaced(
                    text, [*self._of_user(text, place), *self._within(text, place, depth + 1)], replace, ()
                ),
            )
            return raw if clean is data else encoded(clean, raw)

        yield Found(start, start + len(raw), raw, place, False, as_it_is, rewritten)

    def _in_message(self, text: str, place: str, depth: int) -> Iterator[Found]:
        if '"' in text and ("{" in text or "[" in text):
            yield from self._in_json(text, place, depth)
        yield from found_in_text(text, self._names, place)

    def _lifted(self, layer: Layer, place: str, depth: int) -> Iterator[Found]:
        """The secrets of a text within another."""
        if layer.text and self._values and len(layer.starts) > 1:  # else the text around it shows them
            yield from map(layer.lifted, self._of_user(layer.text, place))
        yield from map(layer.lifted, self._within(layer.text, place, depth + 1))

    def _in_json(self, text: str, place: str, depth: int, start: int = 0, end: int | None = None) -> Iterator[Found]:
        for leaf in leaves(text, self._names, self._may_hold, start, end, place):
            raw = text[leaf.start : leaf.end]
            if leaf.is_number:
                if _is_secret_number(raw, leaf.kind, leaf.name):
                    yield Found(leaf.start, leaf.end, raw, leaf.path, False, _as_number)
                continue
            layer = json_layer(raw, leaf.start)
            if leaf.kind is not None:
                span = _secret_span(layer.text, leaf.kind)
                if span is not None:
                    if "://" in layer.text and (within := list(self._lifted(layer, leaf.path, depth))):
                        yield from within
                    else:
                        yield layer.lifted(Found(*span, layer.text[slice(*span)], leaf.path, False, as_it_is))
                    continue
                if not self._may_hold(layer.text):
                    continue
            yield from self._lifted(layer, leaf.path, depth)

    def _in_events(self, text: str, place: str, depth: int) -> Iterator[Found]:
        """The secrets of an event stream."""
        for index, event in enumerate(_EVENT.finditer(text)):
            if not self._may_hold(event[0]):
                continue
            where = f"{place}event[{index}]"
            data = _DATA.search(text, event.start(), event.end())
            if data is not None and (
                text.startswith('"', data.end()) or _JSON_START.match(text, data.end(), event.end())
            ):
                yield from self._in_json(text, where, depth, data.end(), event.end())
            else:
                layer = Layer(event[0], [0], [event.start()], as_it_is)
                yield from map(layer.lifted, found_in_text(event[0], self._names, where))

    def _in_form(self, text: str, place: str, depth: int) -> Iterator[Found]:
        for found, layer, where in in_form(text.rstrip(), self._names, place):
            if found is not None:
                yield found
            else:
                yield from self._lifted(layer, where, depth)
        for start, end in found_shapes(text):
            yield Found(start, end, unquote(text[start:end]), place, True, url_layer("").write)

    def _in_multipart(self, text: str, boundary: str, place: str, depth: int) -> Iterator[Found]:
        delimiters = [
            found.span()
            for found in re.finditer(rf"(?:\A|\r?\n)--{re.escape(boundary)}(?:--)?[ \t]*(?=\r?\n|\Z)", text)
        ]
        if not delimiters:  # the form is damaged: what is left of it is a text
            yield from self._within(text, place, depth)
            return
        for (_, start), (end, _) in zip(delimiters, [*delimiters[1:], (len(text), len(text))], strict=True):
            blank = _BLANK_LINE.search(text, start, end)
            if blank is None:
                continue
            head = Layer(text[start : blank.start()], [0], [start], as_it_is)
            named = _PART_NAME.search(head.text)
            name = (named[1] or named[2] or "") if named else ""
            name = unquote(name) if "%" in name else name
            where = f"{place}.{name}" if place else name
            content = Layer(text[blank.end() : end], [0], [blank.end()], as_it_is)
            kind = self._names.kind(name)
            span = _secret_span(content.text, kind) if kind is not None else None
            yield from map(
                head.lifted, found_in_text(head.text, self._names, where) if self._may_hold(head.text) else ()
            )
            if span is not None:
                yield content.lifted(Found(*span, content.text[slice(*span)], where, False, as_it_is))
            elif _IN_BASE64.search(head.text):
                yield from self._in_base64(content.text, blank.end(), where, depth)
            else:
                yield from self._lifted(content, where, depth)

    def _in_xml(self, text: str, place: str, depth: int) -> Iterator[Found]:
        for pattern in (_ELEMENT, _CDATA, _KEYED):
            for element in pattern.finditer(text):
                yield from self._in_element(
                    element["name"], element["value"], element.start("value"), place, depth, pattern is _CDATA
                )
        yield from self._within_elements(text, place)
        for tag in _TAG.finditer(text):
            attributes = [
                (a["name"], a["value"] or a["other"] or "", max(a.start("value"), a.start("other")))
                for a in _ATTRIBUTE.finditer(text, *tag.span("attributes"))
            ]
            label = next((value for name, value, _ in attributes if name.lower() in _LABELS), "")
            for name, value, start in attributes:
                yield from self._in_element(
                    label if name.lower() in ("value", "content") and label else name, value, start, place, depth
                )
            if label:
                yield from self._in_element(label, tag["value"], tag.start("value"), place, depth)

    def _within_elements(self, text: str, place: str) -> Iterator[Found]:
        """The values of elements within one of a secret name, as `<credentials><value>`."""
        open_: list[tuple[str, Kind | None]] = []
        for tag in _ANY_TAG.finditer(text):
            name = tag["name"]
            if tag["close"]:
                for index in range(len(open_) - 1, -1, -1):
                    if open_[index][0] == name:
                        del open_[index:]
                        break
                continue
            if tag["empty"] or name.lower() in _VOID or len(open_) >= _MOST_OPEN:
                continue
            own = self._names.kind(name)
            around = open_[-1][1] if open_ else None
            kind = None if own is None and innocent_within(name) else own or around
            open_.append((name, kind))
            value = tag["value"]
            if own is None and kind is not None and value.strip():
                layer = xml_layer(value, tag.start("value"))
                span = _secret_span(layer.text, kind)
                if span is not None and looks_secret(layer.text[slice(*span)]):
                    yield layer.lifted(Found(*span, layer.text[slice(*span)], f"{place}<{name}>", True, as_it_is))

    def _in_element(
        self, name: str, value: str, start: int, place: str, depth: int, is_clear: bool = False
    ) -> Iterator[Found]:
        if not value.strip():
            return
        layer = Layer(value, [0], [start], as_it_is) if is_clear else xml_layer(value, start)
        kind = self._names.kind(name)
        span = _secret_span(layer.text, kind) if kind is not None else None
        where = f"{place}<{name}>"
        if span is not None:
            yield layer.lifted(Found(*span, layer.text[slice(*span)], where, True, as_it_is))
        else:
            yield from self._lifted(layer, where, depth)


def _is_payload(text: str) -> bool:
    return len(text) >= _SHORTEST_PAYLOAD and _PAYLOAD.fullmatch(text) is not None


def _secret_span(value: str, kind: Kind) -> tuple[int, int] | None:
    """What of a value under a name is secret: without the scheme of an authorisation and blanks around it."""
    start, end = len(value) - len(value.lstrip()), len(value.rstrip())
    text = value[start:end]
    if is_trivial(text):
        return None
    scheme = _SCHEME.match(text)
    if scheme is not None:
        start, text = start + scheme.end(), text[scheme.end() :]
    if kind is Kind.AMBIGUOUS and not looks_secret(text):
        return None
    if kind is Kind.PERSON and text.isdigit() and len(text) < 6:
        return None
    return start, end


def _is_secret_number(number: str, kind: Kind | None, name: str) -> bool:
    digits = number.lstrip("-")
    if not digits.isdigit() or len(digits) < 6:
        return False
    return kind in (Kind.CERTAIN, Kind.PERSON) or (kind is Kind.AMBIGUOUS and len(digits) >= 12)


def _as_number(text: str) -> str:
    return text if text.isascii() and text.isdigit() else f'"{json_layer("", 0).write(text)}"'


def _replaced(text: str, found: Iterable[Found], replace: Replace, marks: Sequence[str]) -> str:
    """The text with what was found in it replaced; of those that overlap the outermost, or the first."""
    pieces: list[str] = []
    position = 0
    pictures = [picture.span() for mark in marks for picture in re.finditer(re.escape(mark), text)]
    places: Counter[str] = Counter()
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.start < position or one.end <= one.start or any(a < one.end and one.start < b for a, b in pictures):
            continue
        raw = text[one.start : one.end]
        if one.inside is not None:
            new = one.inside(replace)
            if new != one.value:
                pieces += (text[position : one.start], one.write(new))
                position = one.end
            continue
        places[one.place] += 1
        number = places[one.place]
        place = f"{one.place}#{number}" if one.counted or number > 1 else one.place
        new = replace(one.value, place)
        pieces += (text[position : one.start], raw if new == one.value else one.write(new))
        position = one.end
    return "".join((*pieces, text[position:])) if pieces else text


def _of_header(name: str, value: str) -> Iterator[str]:
    """The values that a header authorises by."""
    if "cookie" in name:  # RFC 6265: pairs in the one, a pair and attributes in the other
        for pair in value.split(";")[:1] if name == "set-cookie" else value.split(";"):
            content = pair.partition("=")[2].strip()
            yield from (content, content.strip('"'), unquote(content), unquote(content).strip('"'))
        return
    yield value.strip()
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "basic":  # RFC 7617
        yield rest.strip()
        try:
            yield from pybase64.b64decode(rest.strip(), validate=True).decode().split(":", 1)
        except ValueError:
            return
    elif "=" in rest.rstrip("=") and (
        parameters := _PARAMETER.findall(rest)
    ):  # AWS4-HMAC-SHA256, Digest (RFC 7616), OAuth
        for parameter, quoted, plain in parameters:
            content = quoted or plain
            if parameter.lower() not in _OPEN_PARAMETERS:
                yield content
                if parameter.lower() == "credential":
                    yield content.partition("/")[0]
    else:
        yield from value.split()
        for word in value.split():
            yield from word.split(":", 1)
            if tail := word.partition("=")[2].strip("="):  # `sha256=…`
                yield tail


def _as_urlsafe(value: str) -> Iterator[str]:
    """Base64 in the alphabet of URLs (RFC 4648, section 5), and as a form reads it that was not escaped."""
    if _BASE64.fullmatch(value):
        yield value.replace("+", "-").replace("/", "_")
        yield value.replace("+", "-").replace("/", "_").rstrip("=")
        yield value.replace("+", " ")


def _is_unmistakable(value: str) -> bool:
    """Whether a value can be looked for everywhere: shorter ones, numbers and plain words would hit innocent text."""
    return len(value) >= 8 and not value.isdigit() and (not value.isalpha() or len(value) >= 16)
