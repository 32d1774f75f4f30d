"""Cases at the level `image`: SVGs (W3C SVG 2). They do not stream, so that they apply to JSON answers alone."""

from __future__ import annotations

from pytest_imgresponse.edge_cases.mutators import redraw_pictures, tell
from pytest_imgresponse.edge_cases.predicates import sized_picture_in_json
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images.png_builder import GROUND, INK

_SPACE = 'xmlns="http://www.w3.org/2000/svg"'
_INK, _GROUND = (f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in (INK, GROUND))


def _svg(width: int, height: int, *, before: str = "", inside: str = "") -> str:
    """A rectangle on a ground, of this size in pixels; with text before the root, and in it."""
    size = f'width="{width}" height="{height}"'
    box = f'x="{width / 4}" y="{height / 4}" width="{width / 2}" height="{height / 2}"'
    shapes = f'<rect {size} fill="{_GROUND}"/><rect {box} fill="{_INK}"/>'
    return f'{before}<svg {_SPACE} {size} viewBox="0 0 {width} {height}">{shapes}{inside}</svg>\n'


def _drawn(response: HTTPResponse, *, before: str = "", inside: str = "") -> HTTPResponse:
    drawn = redraw_pictures(response, lambda width, height: _svg(width, height, before=before, inside=inside).encode())
    return tell(drawn, "output_format", "svg")


@edge_case("unusual", "image", seen="W3C SVG 2, chapter 15 (scripting)", applies=sized_picture_in_json)
def svg_script(response: HTTPResponse) -> HTTPResponse:
    """The SVG has a script, which runs where the file is opened or put into a page as it is."""
    return _drawn(response, inside="<script>alert('fox')</script>")


@edge_case("unusual", "image", seen="W3C SVG 2, chapter 15 (event attributes)", applies=sized_picture_in_json)
def svg_event_handler(response: HTTPResponse) -> HTTPResponse:
    """The SVG has a script in an attribute of a shape, where a filter for elements does not look."""
    return _drawn(response, inside='<circle r="1" onclick="alert(\'fox\')"/>')


@edge_case("unusual", "image", seen="W3C SVG 2, chapter 12 (the image element)", applies=sized_picture_in_json)
def svg_external_image(response: HTTPResponse) -> HTTPResponse:
    """The SVG shows a picture from another server, which learns who looks at it."""
    return _drawn(response, inside='<image href="http://images.example/fox.png" width="1" height="1"/>')


@edge_case("unusual", "image", seen="W3C SVG 2, chapter 12 (foreignObject)", applies=sized_picture_in_json)
def svg_foreign_object(response: HTTPResponse) -> HTTPResponse:
    """The SVG has HTML in it, which many renderers leave out."""
    html = '<p xmlns="http://www.w3.org/1999/xhtml">fox</p>'
    return _drawn(response, inside=f'<foreignObject width="9" height="9">{html}</foreignObject>')


@edge_case("unusual", "image", seen="W3C SVG 1.1 (its public identifier)", applies=sized_picture_in_json)
def svg_doctype(response: HTTPResponse) -> HTTPResponse:
    """The SVG begins with an XML declaration, a comment and a document type, before its root."""
    public = '"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
    return _drawn(response, before=f'<?xml version="1.0"?>\n<!-- a fox -->\n<!DOCTYPE svg PUBLIC {public}>\n')


@edge_case("unusual", "image", seen="W3C SVG 2, chapter 8: both may be auto", applies=sized_picture_in_json)
def svg_without_size(response: HTTPResponse) -> HTTPResponse:
    """The SVG has neither width nor height, only a `viewBox`."""

    def draw(width: int, height: int) -> bytes:
        return _svg(width, height).replace(f' width="{width}" height="{height}" viewBox', " viewBox", 1).encode()

    return redraw_pictures(response, draw)


@edge_case("tolerated", "image", seen="W3C SVG 2, chapter 5 (namespace)", applies=sized_picture_in_json)
def svg_without_namespace(response: HTTPResponse) -> HTTPResponse:
    """The root of the SVG is in no namespace: an `img` does not show it, and a page that it is put into does."""
    return redraw_pictures(response, lambda width, height: _svg(width, height).replace(f" {_SPACE}", "", 1).encode())


@edge_case("invalid", "image", seen="W3C XML 1.0, section 2.1 (well-formed documents)", applies=sized_picture_in_json)
def half_svg(response: HTTPResponse) -> HTTPResponse:
    """The SVG ends in the middle, as a download that broke off leaves it: elements are not closed."""

    def draw(width: int, height: int) -> bytes:
        whole = _svg(width, height).encode()
        return whole[: len(whole) * 2 // 3]

    return redraw_pictures(response, draw)


@edge_case("invalid", "image", seen="W3C XML 1.0, section 4.1 (undeclared entities)", applies=sized_picture_in_json)
def svg_undeclared_entity(response: HTTPResponse) -> HTTPResponse:
    """The SVG uses `&nbsp;`, which HTML knows and XML does not."""
    return _drawn(response, inside="<text>red&nbsp;fox</text>")


@edge_case("invalid", "image", seen="CWE-776 (a billion laughs)", applies=sized_picture_in_json)
def svg_entities(response: HTTPResponse) -> HTTPResponse:
    """The SVG has entities of entities: 1 kB, which a careless parser turns into 3 GB."""
    levels = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    entities = "\n".join(['<!ENTITY a0 "fox">', *levels])
    return _drawn(response, before=f"<!DOCTYPE svg [\n{entities}\n]>\n", inside="<text>&a9;</text>")


@edge_case("invalid", "image", seen="CWE-611 (external entities)", applies=sized_picture_in_json)
def svg_external_entity(response: HTTPResponse) -> HTTPResponse:
    """The SVG has an entity that is a file of the machine that reads it."""
    doctype = '<!DOCTYPE svg [<!ENTITY passwords SYSTEM "file:///etc/passwd">]>\n'
    return _drawn(response, before=doctype, inside="<text>&passwords;</text>")
