"""Secrets in a text that is no JSON: in queries and paths of URLs, in messages that quote a header or a setting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

import pybase64

from pytest_imgresponse.secrets.escapes import Found, Layer, as_it_is, form_layer, url_layer
from pytest_imgresponse.secrets.names import (
    Kind,
    Names,
    is_trivial,
    kind_in_url,
    looks_secret,
    signs,
    signs_by_value,
    words_of,
)
from pytest_imgresponse.secrets.shapes import found_shapes, pieces_of, words

_NAME = r"(?<![\w%.\[\]-])[\w%.\[\]-]{1,128}+"
_PAIR = re.compile(
    rf"(?P<name>{_NAME})(?P<closed>\\?[\"'`])?\s{{0,3}}(?P<sign>=>|->|:=|[:=])\s{{0,3}}(?P<open>\\?[\"'`])?"
)
_STOPS = {
    "url": re.compile(r"[&\s\"'<>\\#]|\Z"),
    "path": re.compile(r"[/;&\s\"'<>\\?#]|\Z"),  # RFC 3986, section 3.3
    "message": re.compile(r"[\s\"'`<>&,;\\{}()]|\Z"),
    '"': re.compile(r"[\"\r\n]|\Z"),
    "'": re.compile(r"['\r\n]|\Z"),
    "`": re.compile(r"[`\r\n]|\Z"),
}
_SCHEME = re.compile(
    r"(?i)(?:bearer|basic|token|key|apikey|api-key|digest|oauth|hawk|negotiate|ntlm|sharedkey|sharedkeylite|aws|acs|hmac-sha\d+"
    r"|tc3-hmac-sha256|aws4-hmac-sha256|goog4-rsa-sha256|acs3-hmac-sha256|hmac-sha256|signature|keyid|splunk|vapid|dpop|mac)(?=[\s,:]|\Z)"
)
_AFTER_SCHEME = re.compile(r"\s+([^\s\"'`<>,;\\]+)")
_PARAMETER = re.compile(r"[A-Za-z][\w-]{0,40}=[\"']?[\w+/.-]")
_STAND_IN = re.compile(r"(?i)(?:your|my|some|the)[_-].*|x{3,}|\*+|\.{3}|\$\w+|<.*|\[.*")
TRAILING = ".,;:!?)]}"
"""What ends a sentence and no value."""
_OF_PATHS = words("jsessionid j_sessionid phpsessid php_sessid sid sessionid")
HIDING = ("eyJ", "eyAi", "W3s", "UEsDB", "H4sI")
"""How base64 begins of a JSON text (`{"`, `{ "`, `[{`), a zip archive and a gzip file."""
HIDDEN = re.compile(
    rf"(?P<v>(?<![A-Za-z0-9+/_-])(?:{'|'.join(HIDING)})[A-Za-z0-9+/_-]{{16,}}+={{0,2}}(?![\w.])"
    r"|data:(?:text|application)/[^;,\s]{1,60}(?:;[^,;\s]{1,60})?;base64,(?P<content>[A-Za-z0-9+/]{8,}+={0,2}))"
)
_COLUMN = r"\"?[\w. -]{0,64}+\"?"
_TABLE_HEAD = re.compile(rf"{_COLUMN}(?P<sign>[,;\t]){_COLUMN}(?:(?P=sign){_COLUMN}){{0,200}}+\r?\n")
_MOST_VALUE = 16384
_PROBE = 100

_SCHEMES = re.compile(
    r"(?i)(?<![\w-])(?P<name>(?:[\w-]{1,40}[_-])?(?:bearer|token|(?:(?:api|access|secret)[ -]?)?key|secret)(?: id)?"
    r"|session id)s?"
    r"(?:\s{1,3}(?:is|was|value|used|named|called))?(?:\s?(?::|=|[-=]>))?\s{1,3}[\"'`(]?(?P<v>[\w.~+/=:-]{16,}+)"
)
_BASIC = re.compile(r"(?i)(?<![\w-])basic\s{1,3}(?P<v>[A-Za-z0-9+/_-]{8,}+={0,2})")
_STATED = re.compile(
    r"(?i)(?<![\w-])(?:api[ _-]?key|(?:access|auth|bearer|api|refresh|session|security)[ _-]?token"
    r"|secret|password|credentials?|signature)s?\s{1,2}"
    r"(?:(?:provided|given|is|was|used|value|header|sent|from|for)\s{1,2}){0,2}(?:[:=]\s{0,2})?(?:provided\s?:\s?)?[\"'`(\[]?(?P<v>[\w.~+/=*-]{8,}+)"
)
_PROVIDED = re.compile(r"(?i)provided:?\s{1,2}[\"'`(\[]?(?P<v>[\w.~+/=*-]{8,}+)")
_CURL_USER = re.compile(r"(?:(?<=\s)-u|--user)(?:\s{1,3}|=)[\"']?(?P<v>[^\s:\"']{1,256}:[^\s\"']{1,256})")
_OPTION = re.compile(r"(?<![\w-])--(?P<name>[A-Za-z][\w-]{1,63}+)\s{1,3}[\"']?(?P<v>[^\s\"'-][^\s\"']{5,1023}+)")
_ORGANIZATION = re.compile(
    r"(?i)\bin organi[sz]ation (?!org-redacted|of\b|the\b)(?P<v>[^\s.,\"\\]{1,256}+)(?P<on>\s+on\s)?"
)
_REQUEST = re.compile(r"(?i)\brequest[ ]id:?\s{1,2}(?:is\s|was\s)?[\"'`(]?(?P<v>[A-Za-z0-9][\w-]{15,}+)")
_ARN = re.compile(r"\barn:(?:aws|acs|qcs)[\w-]{0,20}:[\w-]{0,40}:[\w-]{0,40}:(?P<v>\d{12,16})(?=:)")
_R2 = re.compile(r"//(?P<v>[0-9a-f]{32})\.r2\.")
_GOOGLE_PROJECT = re.compile(
    r"(?<![\w-])projects/(?P<v>[\w:.-]{1,128})/(?=locations/|serviceAccounts|secrets/|topics/|subscriptions/)"
)
_AFTER_SCHEME_OF_URL = re.compile(r":\\?/\\?/")
_USER_INFO = re.compile(r"(?P<user>[^/\s\"'<>?#@:\\]{0,4096}+)(?::(?P<password>[^/\s\"'<>?#\\]{0,4096}))?@(?=[\w\[])")

_PATH = re.compile(r"(?:/[^/\s\"'<>?#&\\`|]{1,4096}+){2,}+")
_OF_ACCOUNTS = words(
    "accounts account projects project organizations organisations organization orgs org tenants"
    " tenant customers customer"
    " subscriptions users user workspaces workspace teams members sessions session billingaccounts profiles"
    " companies"
)
_OF_HOOKS = words("hooks hook webhooks webhook webhookb2 incomingwebhook services workflows triggers catch")
_OF_KEYS = words("keys tokens secrets")
_HOOK_HOST = re.compile(r"(?i)(?:hooks?\.|webhooks?\.|hc-ping|webhook\.site)")
_BOT = re.compile(r"bot(?P<v>\d{5,16}:[\w-]{20,})")
_ID = re.compile(r"[0-9a-f]{16,}|\d{6,}|[A-Z0-9]{8,}|[A-Za-z0-9_-]{20,}(?<!-)")
_HOOK_ID = re.compile(r"[0-9a-f]{16,}|\d{6,}|[A-Z0-9]{8,}|[A-Za-z0-9]{20,}")  # no slug with hyphens
_CLOUDINARY = re.compile(r"s--(?P<v>[\w-]{8,32})--")
_THUMBOR = re.compile(r"(?P<v>[\w-]{27})=")
_IMGPROXY = re.compile(r"[a-z_]{1,20}:|plain\Z")  # behind its signature
_OF_VERSIONS = re.compile(r"v\d")
_KEY_OF_NODE = re.compile(r"[0-9a-f]{32}|(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w-]{32}")  # Infura, Alchemy
_NODES = re.compile(r"(?i)infura\.|alchemy|quiknode|quicknode|\.ankr\.")
_KEYED_PATH = re.compile(r"/[\w-]{27}=/|/[\w-]{43}/(?:[a-z_]{1,20}:|plain/)|/v\d/[\w-]{32}(?![\w/-])")

# Of a text read backwards, where what tells a name, the sign behind it, comes first.
_NAMED = re.compile(r"[:=>/]-?\s{0,3}[\"'\\`]{0,4}([\w.\[\]-]{1,128}+)")
_QUOTED = re.compile(r"[\"'>]-{0,2}((?:[Xx]-)?[A-Za-z][\w-]{1,40}+)(?=\\?[\"'<])")
_QUOTING = frozenset(
    form
    for word in words(
        "bearer basic token key api-key apikey password secret signature credential credentials provided -u"
        " organization organisation accesskey access-key access_key api_key client_secret client-secret secret_key"
        " access_token auth_token subscription-key ocp-apim-subscription-key subscription_key"
    )
    for form in (word, word.title(), word.upper())
) | words("ApiKey apiKey AccessKey accessKey clientSecret")
"""Words of messages behind which a secret may stand."""
_NEEDLES = (
    *("hook", "request id", "session id", "hc-ping", "heartbeat", "arn:", ".r2.", "--", "/bot", "sk-", "form-data"),
)
_DASHES = re.compile(r"s--|-----begin|--(?:user|api|tok|key|pass|secret|auth|access)")
_ESCAPED = re.compile(r"%[2-7][0-9A-Fa-f]")
_ESCAPED_LETTER = re.compile(r"\\u00[2-7][0-9A-Fa-f]|&#")


def may_hold(text: str, names: Names, depth: int = 0) -> bool:
    """Whether a text could hold a secret: false is sure, true is worth a closer look."""
    if len(text) < 6:
        return False
    for name in set(_NAMED.findall(text[::-1])):
        if _is_of_kind(name, names):
            return True
    pieces = pieces_of(text)
    if not _QUOTING.isdisjoint(pieces):
        return True
    lowered = text.lower()
    for needle in _NEEDLES:
        if needle in lowered and (needle != "--" or _DASHES.search(lowered)):
            return True
    if "@" in text and ("://" in text or r":\/\/" in text):
        return True
    if any(start in text for start in HIDING) or "data:text/" in text or "data:application/" in text:
        return True
    if "\n" in text and any(kind is Kind.CERTAIN for _, kind in _columns(text, names)):
        return True
    if "/" in text and _KEYED_PATH.search(text):
        return True
    paired = "value" in lowered or '"v' in lowered  # then a name may stand as one
    for name in set(_QUOTED.findall(text)):
        kind = names.kind(name)
        if kind is Kind.CERTAIN or (paired and kind is not None):
            return True
    if next(found_shapes(text, pieces), None) is not None:
        return True
    if "%" in text and depth < 4 and _ESCAPED.search(text):
        return may_hold(unquote(text), names, depth + 1)
    if "&" in text and depth < 4 and ("quot;" in text or "&apos;" in text):
        return may_hold(unescape(text), names, depth + 1)
    return ("\\u00" in text or "&#" in text) and _ESCAPED_LETTER.search(text) is not None


def _is_of_kind(backwards: str, names: Names) -> bool:
    """Whether a name, written backwards, says something of a value in a text, a URL or a path."""
    name = backwards[::-1]
    return names.kind(name, in_url=True) is not None or name in _OF_ACCOUNTS or name in _OF_KEYS


def found_in_text(text: str, names: Names, place: str) -> Iterator[Found]:
    """The secrets of a text by its names, its URLs, what messages say, and their shapes. They may overlap."""
    yield from _pairs(text, names, place)
    if "/" in text:
        yield from _in_urls(text, names, place)
    if "--" in text:
        yield from _in_commands(text, names, place)
    yield from _in_messages(text, names, place)
    for start, end in found_shapes(text):
        yield Found(start, end, text[start:end], place, True, as_it_is)


def _columns(text: str, names: Names) -> list[tuple[str, Kind | None]]:
    """The names in the first line of a table, CSV or such, and their kinds; none where it is no table."""
    head = _TABLE_HEAD.match(text)
    if head is None:
        return []
    columns = [column.strip(' "\r\n') for column in head[0].split(head["sign"])]
    return [(column, names.kind(column)) for column in columns]


def in_table(text: str, names: Names, place: str) -> Iterator[Found]:
    """The values of a table that stand under the name of a secret and look like one."""
    columns = _columns(text, names)
    if all(kind is None for _, kind in columns):
        return
    head = _TABLE_HEAD.match(text)
    assert head is not None
    sign = re.escape(head["sign"])
    cell = re.compile(
        rf"(?P<quote>\"?)(?P<v>(?:(?<=\")[^\"]*+|[^\"{sign}\r\n]*+))(?P=quote)(?P<end>{sign}|\r?\n|\r|\Z)"
    )
    column, position = 0, head.end()
    while position < len(text) and (found := cell.match(text, position)) is not None:
        name, kind = columns[column] if column < len(columns) else ("", None)
        if kind is not None and looks_secret(found["v"]):
            yield Found(*found.span("v"), found["v"], f"{place}.{name}", True, as_it_is)
        column = column + 1 if found["end"] == head["sign"] else 0
        position = found.end()


def _pairs(text: str, names: Names, place: str) -> Iterator[Found]:
    position = innocent = 0
    ends: dict[str, int] = {}  # where the last value ended, by what ends one: each character is looked at once
    while (pair := _PAIR.search(text, position)) is not None:
        position = pair.end()
        name = unquote(pair["name"]) if "%" in pair["name"] else pair["name"]
        before = text[pair.start() - 1] if pair.start() else "\n"
        if before == "\\" and name.startswith("u0026"):  # an ampersand as JSON escapes it
            name, before = name[5:], "&"
        in_url = pair["sign"] == "=" and not pair["open"] and before in "?&;#"
        kind = None if before == "/" and pair["sign"] == ":" else names.kind(name, in_url=in_url)  # `//user:password@`
        if kind is None:
            continue
        in_path = (before == "/" and pair["sign"] == "=") or (before == ";" and words_of(name) in _OF_PATHS)
        if pair["open"]:
            stop = "url" if in_url else pair["open"][-1]
        else:
            stop = "path" if in_path else "url" if in_url else "message"
        start = pair.end()
        if ends.get(stop, -1) < start:
            found = _STOPS[stop].search(text, start)
            assert found is not None  # the end of the text is one
            ends[stop] = found.start()
        end = min(ends[stop], start + _MOST_VALUE)
        if not in_url and (scheme := _SCHEME.match(text, start)) is not None and kind is Kind.CERTAIN:
            after = _AFTER_SCHEME.match(text, scheme.end())
            if after is None or _PARAMETER.match(text, after.start(1)):  # `Credential=…`, a pair of its own
                continue
            start, end = after.span(1)
        if kind is Kind.AMBIGUOUS and (end - start < 8 or start < innocent):
            continue
        if pair["open"] and len(pair["open"]) == 2:  # a quote that is escaped where it begins is where it ends
            end = start + len(text[start:end].rstrip("\\"))
        if not pair["open"]:
            end = start + len(text[start:end].rstrip(TRAILING))
        value = text[start:end]
        layer: Layer | None = url_layer(value, start) if in_url and "%" in value else None
        clear = layer.text if layer else value
        if not value or is_trivial(clear) or (pair["closed"] == '"' and not pair["open"] and not value[0].isalpha()):
            continue  # the last is what JSON has beside its strings
        tells = _tells_in_url(name, kind, clear) if in_url else _tells_in_message(text, pair, kind, clear, end)
        if not tells:
            if kind is Kind.AMBIGUOUS:  # nor is then what begins within it
                innocent = min(end, start + _PROBE)
            continue
        position = end
        where = f"{place}?{name}" if in_url else place
        yield Found(start, end, clear, where, not in_url, layer.write if layer else as_it_is)


def _tells_in_url(name: str, kind: Kind, value: str) -> bool:
    """Whether the value of a parameter of a URL or a form is a secret."""
    if kind is Kind.CERTAIN:
        return "://" not in value
    if kind is Kind.PERSON:
        return not (value.isdigit() and len(value) < 6) and "://" not in value
    if signs_by_value(name) and kind_in_url(name) is Kind.AMBIGUOUS:
        return signs(name, value)
    return looks_secret(value) or _mixed(value)


_NEXT_WORD = re.compile(r"[ ]+[a-z]+(?![\w=:-])")
_MIXED = re.compile(r"(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])(?=(?:[A-Za-z_-]*\d){5})[\w-]{8,}")


def _mixed(value: str) -> bool:
    """Whether of letters and at least five digits; in a URL that is enough beside a name such as `key`."""
    return _MIXED.fullmatch(value) is not None


def _tells_in_message(text: str, pair: re.Match[str], kind: Kind, value: str, end: int) -> bool:
    """Whether what stands behind a name and a colon in a message is a secret and not the next word of a sentence."""
    quoted = pair["open"] is not None and pair["closed"] is not None
    tight = "=" in pair["sign"]
    if kind is Kind.AMBIGUOUS:
        return looks_secret(value)
    if kind is Kind.PERSON:
        if value.isdigit():
            return len(value) >= 6
        if quoted or looks_secret(value) or "@" in value:
            return True
        goes_on = value.isalpha() and value.islower() and _NEXT_WORD.match(text, end)
        return tight and pair[0].endswith("=") and not goes_on
    if "://" in value or _STAND_IN.fullmatch(value):
        return False
    if quoted or looks_secret(value):
        return True
    if not tight and not pair["open"]:
        if len(value) < 6 or (value.isalpha() and value.islower() and re.match(r"[ ]+[a-z]", text[end : end + 8])):
            return False
        return pair["name"].lower() not in ("secret", "password") or not re.match(r"[ ]+[a-z]", text[end : end + 8])
    return True


def _in_commands(text: str, names: Names, place: str) -> Iterator[Found]:
    for option in _OPTION.finditer(text):
        kind = names.kind(option["name"])
        if kind is Kind.CERTAIN or (kind is Kind.AMBIGUOUS and looks_secret(option["v"])):
            yield Found(*option.span("v"), option["v"], place, True, as_it_is)


def _in_messages(text: str, names: Names, place: str) -> Iterator[Found]:
    lowered = text.lower()
    for needles, pattern in _MESSAGES:
        if any(needle in lowered for needle in needles):
            for found in pattern.finditer(text):
                start, end = found.span("v")
                if pattern not in (_CURL_USER, _BASIC):
                    end = start + len(found["v"].rstrip(".:"))
                value = text[start:end]
                if _tells(pattern, found, value, names):
                    yield Found(start, end, value, place, True, as_it_is)


_MESSAGES = (
    (("bearer", "token", "key", "secret", "session id"), _SCHEMES),
    (("basic",), _BASIC),
    (("key", "token", "secret", "password", "credential", "signature"), _STATED),
    (("provided",), _PROVIDED),
    (("-u", "--user"), _CURL_USER),
    (("in organi",), _ORGANIZATION),
    (("request id",), _REQUEST),
    (("arn:",), _ARN),
    ((".r2.",), _R2),
    (("projects/",), _GOOGLE_PROJECT),
)


def _tells(pattern: re.Pattern[str], found: re.Match[str], value: str, names: Names) -> bool:
    """Whether a value that stands where a message has one is a secret."""
    if pattern is _SCHEMES:
        return looks_secret(value) and names.kind(found["name"].replace(" ", "_")) is not None
    if pattern is _BASIC:
        return _is_basic(value)
    if pattern is _ORGANIZATION:
        return found["on"] is not None or looks_secret(value)
    if pattern is _REQUEST:
        return not value.startswith("req_redacted") and looks_secret(value) and len(re.findall(r"\d", value)) >= 4
    if pattern in (_STATED, _PROVIDED):
        return looks_secret(value) or ("**" in value and value.strip("*") != "")
    return True


def _is_basic(value: str) -> bool:
    """Whether a word is user and password of HTTP basic authentication (RFC 7617)."""
    try:
        return b":" in pybase64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        return False


def _in_urls(text: str, names: Names, place: str) -> Iterator[Found]:
    for scheme in _AFTER_SCHEME_OF_URL.finditer(text):
        found = _USER_INFO.match(text, scheme.end())
        if found is not None:
            for part in ("user", "password"):
                if found[part] and not (is_trivial(found[part]) or found[part] == "redacted"):
                    layer = url_layer(found[part], found.start(part))
                    yield Found(*found.span(part), layer.text, f"{place}@{part}", False, layer.write)
    for path in _PATH.finditer(text):
        yield from _in_path(text, path, names, place)


def _in_path(text: str, path: re.Match[str], names: Names, place: str) -> Iterator[Found]:
    """The secrets in the segments of a path: what stands behind `accounts`, `token` or a webhook."""
    start = path.start()
    before = ""
    label = ""  # the last segment that is no secret
    hook = False
    segments = path[0].split("/")[1:]
    for index, segment in enumerate(segments):
        start += 1
        value = unquote(segment) if "%" in segment else segment
        span: tuple[int, int] | None = None
        if (
            special := _BOT.fullmatch(value) or _CLOUDINARY.fullmatch(value) or _THUMBOR.fullmatch(value)
        ) is not None and value == segment:
            span = special.span("v")
        elif hook:
            if looks_secret(value) or _HOOK_ID.fullmatch(value):
                span = (0, len(segment))
        elif len(value) == 43 and _IMGPROXY.match("".join(segments[index + 1 : index + 2])) and looks_secret(value):
            span = (0, len(segment))
        elif _OF_VERSIONS.fullmatch(before) and len(value) == 32 and index == len(segments) - 1:
            if _KEY_OF_NODE.fullmatch(value) and (not value.islower() or _NODES.search(segments[0])):
                span = (0, len(segment))
        elif before in _OF_ACCOUNTS:
            following = segments[index + 1] if index + 1 < len(segments) else ""
            if (before == "projects" and following == "locations") or _ID.fullmatch(value) or looks_secret(value):
                span = (0, len(segment))
        elif (
            before
            and (before in _OF_KEYS or names.kind(before) in (Kind.CERTAIN, Kind.AMBIGUOUS))
            and looks_secret(value)
        ):
            span = (0, len(segment))
        if span is not None and not is_trivial(value):
            layer = url_layer(segment[slice(*span)], start + span[0])
            yield Found(start + span[0], start + span[1], layer.text, f"{place}/{label}", False, layer.write)
        elif value.lower() in _OF_HOOKS or (index <= 1 and _HOOK_HOST.search(value)):
            hook = True
        before = value.lower()
        label = label if span is not None else before
        start += len(segment)


def in_form(text: str, names: Names, place: str) -> Iterator[tuple[Found | None, Layer, str]]:
    """The fields of a form: what is found of each by its name, or None; its value in the clear; its place."""
    position = 0
    for field in text.split("&"):
        raw_name, sign, raw = field.partition("=")
        start = position + len(raw_name) + len(sign)
        position += len(field) + 1
        if not raw:
            continue
        name = form_layer(raw_name).text
        layer = form_layer(raw, start)
        where = f"{place}.{name}" if place else name
        kind = names.kind(name, in_url=True)
        if kind is not None and not is_trivial(layer.text) and _tells_in_url(name, kind, layer.text):
            yield Found(start, start + len(raw), layer.text, where, False, layer.write), layer, where
        else:
            yield None, layer, where
