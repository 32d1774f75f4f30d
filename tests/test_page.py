"""The page of `imgresponse fuzz --html`, in a real browser without a network."""

from __future__ import annotations

import base64
import html
import io
import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from pytest_imgresponse import HTTPResponse, check_parser
from pytest_imgresponse.cli.page import page_of
from pytest_imgresponse.contract.calling import Outcome
from pytest_imgresponse.contract.report import Report, Row
from pytest_imgresponse.contract.trial import trial_of
from pytest_imgresponse.images.make import make_picture
from tests.reports import report_of

CHROMIUM = shutil.which("chromium")
HOSTILE = [
    "<script>window.hit = 1</script>",
    "</script><script>window.hit = 2</script>",
    '"><img src=x onerror="window.hit = 3">',
    "<svg onload='window.hit = 4'></svg>",
    "</pre></article><iframe src='javascript:parent.hit = 5'></iframe>",
    "javascript:window.hit=6",
    "{{ 7 * 7 }}{% for x in y %}",
    "\x1b[31mred \u202eback \ud800 \x00",
]
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="window.hit = 7" width="9" height="9">
<script>window.hit = 8</script><image href="https://example.com/leak.png"/></svg>"""


def naive(body):
    return [base64.b64decode(item["b64_json"]) for item in json.loads(body)["data"]]


def answer(*payloads, **more):
    data = [{"b64_json": text if isinstance(text, str) else base64.b64encode(text).decode()} for text in payloads]
    body = json.dumps({"created": 1, "data": data, **more}).encode()
    return HTTPResponse(200, {"content-type": "application/json"}, body)


def row_of(response, name="generated", error="no"):
    return Row(trial_of(name, response, "response"), Outcome("raised", error, "a.py:1"), f"raised {error}", "parse()")


def page_with(*rows, **more):
    return page_of(
        Report(
            **{
                "parser": "shop.parse",
                "given": "response",
                "tried": 1,
                "accepted": 0,
                "generated": 2,
                "rows": rows,
                **more,
            }
        )
    )


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium; Debian has it in the package of that name")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a browser without a network, and what it did."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(**options)
        self.context.set_offline(True)
        self.requests, self.messages, self.errors = [], [], []
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_load_state("load")

    def visible(self):
        return [text.strip() for text in self.page.locator("article:visible h2").all_inner_texts()]


@pytest.fixture
def opened(browser, tmp_path):
    contexts = []

    def opened(text, **options):
        (tmp_path / "report.html").write_text(text, encoding="utf-8")
        page = Opened(browser, tmp_path / "report.html", **options)
        contexts.append(page.context)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def naive_report():
    return report_of(naive, rejects_with=ValueError, given="bytes")


@pytest.mark.slow
class TestInABrowser:
    def test_it_asks_for_nothing_and_complains_of_nothing(self, opened, naive_report):
        page = opened(page_of(naive_report))
        assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
        assert (page.messages, page.errors) == ([], [])

    def test_every_finding_has_a_card_with_its_picture_or_its_bytes(self, opened, naive_report):
        page = opened(page_of(naive_report))
        assert page.visible() == [row.trial.name for row in naive_report.rows]
        shown = page.page.evaluate("[...document.images].map(image => [image.naturalWidth, image.naturalHeight])")
        assert len(shown) > 10
        assert all(width > 0 and height > 0 for width, height in shown)
        assert page.page.locator("article:not(:has(img)):not(:has(figure pre))").count() == 0

    def test_a_card_says_it_all(self, opened, naive_report):
        page = opened(page_of(naive_report))
        row = next(row for row in naive_report.rows if row.trial.name == "b64_null_beside_url")
        card = page.page.locator("article", has=page.page.get_by_role("heading", name=row.trial.name, exact=True))
        text = " ".join(card.inner_text().split())
        for part in (
            row.happened,
            row.trial.reason.replace("`", ""),
            row.trial.seen,
            row.reproduce,
            row.trial.level,
            row.trial.verdict,
        ):
            assert " ".join(part.split()) in text

    def test_a_citation_leads_to_its_thread(self, opened, naive_report):
        page = opened(page_of(naive_report))
        links = page.page.locator(".seen a").evaluate_all("all => all.map(a => [a.textContent, a.href])")
        assert len(links) > 10
        for text, link in links:
            name, _, number = text.partition("#")
            assert link == f"https://github.com/{name}/issues/{number}"

    @pytest.mark.parametrize(("kind", "value"), [("verdict", "invalid"), ("level", "image")])
    def test_a_filter_hides_its_cards_and_shows_them_again(self, opened, naive_report, kind, value):
        page = opened(page_of(naive_report))
        names = [row.trial.name for row in naive_report.rows]
        rest = [row.trial.name for row in naive_report.rows if getattr(row.trial, kind) != value]
        box = page.page.locator(f"input[name={kind}][value={value}]")
        label = page.page.locator("label", has=box)
        assert label.inner_text().split() == [value, str(len(names) - len(rest))]
        label.click()
        assert (page.visible(), page.page.locator("#shown").inner_text()) == (
            rest,
            f"{len(rest)} of {len(names)} shown",
        )
        label.click()
        assert page.visible() == names
        assert page.page.locator("#shown").inner_text() == f"{len(names)} of {len(names)} shown"

    def test_filters_are_for_the_keyboard_too_and_both_must_let_a_card_pass(self, opened, naive_report):
        page = opened(page_of(naive_report))
        for kind, value in (("verdict", "invalid"), ("level", "schema")):
            page.page.locator(f"input[name={kind}][value={value}]").focus()
            page.page.keyboard.press("Space")
        left = [row for row in naive_report.rows if row.trial.verdict != "invalid" and row.trial.level != "schema"]
        assert page.visible() == [row.trial.name for row in left]

    def test_when_nothing_is_left_it_says_so(self, opened, naive_report):
        page = opened(page_of(naive_report))
        for label in page.page.locator("fieldset", has_text="verdict").locator("label").all():
            label.click()
        assert (page.visible(), page.page.locator("#none").is_visible()) == ([], True)

    @pytest.mark.parametrize("width", [1280, 420])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nothing_stands_out_at_the_side(self, opened, naive_report, width, scheme):
        page = opened(page_of(naive_report), viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= width
        light = page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
        assert light is (scheme == "light")

    def test_without_scripts_everything_is_shown(self, opened, naive_report):
        page = opened(page_of(naive_report), java_script_enabled=False)
        assert len(page.visible()) == len(naive_report.rows)

    def test_that_the_contract_is_kept_is_a_page_too(self, opened):
        page = opened(page_of(check_parser(lambda body: None, cases=["c2pa_cabx"])))
        assert "keeps the contract of a parser" in page.page.locator("header").inner_text()
        assert (page.page.locator("nav").count(), page.messages, page.errors) == (0, [], [])


def test_what_was_not_tried_and_why_it_stopped_are_told():
    text = page_with(not_tried={"bom": "needs <a>"}, stopped="interrupted")
    assert "<b>Not tried:</b> 1</summary>\n<p><code>bom</code> needs &lt;a&gt;</p>" in text
    assert "<b>Stopped:</b> interrupted" in text
    assert "keeps the contract of a parser, as far as it was tried" in text


class TestHostileContent:
    """What stands in an answer, in an error or in a name is shown, and does nothing."""

    @pytest.mark.slow
    def test_it_is_inert_wherever_it_stands(self, opened):
        rows = [
            row
            for text in HOSTILE
            for row in (
                row_of(answer(text, note=text), name=text, error=text),
                row_of(HTTPResponse(200, {"content-type": text, text: text}, text.encode("utf-8", "replace"))),
                row_of(HTTPResponse(200, {"content-type": "text/html"}, f"<html>{text}".encode("utf-8", "replace"))),
            )
        ]
        rows += [row_of(answer(SVG, SVG + b"x" * 5000)), row_of(answer("data:image/svg+xml;base64," + "PHN2Zz4="))]
        facts = {
            "excepted": {"a": HOSTILE[0]},
            "unneeded": {"b": HOSTILE[1]},
            "preamble": HOSTILE[2],
            "parser": HOSTILE[1],
        }
        page = opened(page_with(*rows, **facts, slowest=(HOSTILE[0], 1.0)))
        assert page.page.evaluate("window.hit") is None
        assert [url for url in page.requests if not url.startswith(("file:", "data:image/png"))] == []
        assert (page.messages, page.errors) == ([], [])
        assert page.page.locator("article").count() == len(rows)
        assert page.page.locator("iframe, svg, article script").count() == 0
        assert page.visible()[0] == HOSTILE[0]

    @pytest.mark.slow
    def test_and_if_it_were_not_the_browser_would_not_run_or_fetch_it(self, opened, naive_report):
        injected = (
            "<script>window.hit = 1</script><img src='https://example.com/x.png' onerror='window.hit = 2'></article>"
        )
        page = opened(page_of(naive_report).replace("</article>", injected, 1))
        assert page.page.evaluate("window.hit") is None
        told = " ".join(page.messages)
        assert ("script-src" in told, "img-src" in told, "event handler" in told) == (True, True, True)

    def test_what_a_terminal_would_obey_is_escaped_in_the_file_too(self):
        text = page_with(row_of(answer(HOSTILE[-1], note=HOSTILE[-1]), error=HOSTILE[-1]))
        assert all(letter.isprintable() or letter == "\n" for letter in text)


class TestPictures:
    def thumbnails(self, text):
        sources = [part.partition('"')[0] for part in text.split('src="data:image/png;base64,')[1:]]
        return [Image.open(io.BytesIO(base64.b64decode(source))) for source in sources]

    @pytest.mark.parametrize("file_format", ["png", "jpeg", "webp", "gif"])
    def test_a_large_one_is_a_thumbnail(self, file_format):
        text = page_with(row_of(answer(make_picture(file_format, 3840, 2160))))
        [small] = self.thumbnails(text)
        assert small.size == (240, 135)
        assert f"{file_format.upper()}, 3840x2160 pixels" in text

    def test_what_is_behind_a_url_is_shown_as_what_is_in_an_answer(self):
        row = row_of(answer(note="https://a.example/a.png"))
        served = {"https://a.example/a.png": make_picture("png", 12, 8), "https://a.example/b.png": b"<html>"}
        text = page_with(replace(row, trial=replace(row.trial, served=served)))
        assert [small.size for small in self.thumbnails(text)] == [(12, 8)]
        assert "3c 68 74 6d 6c 3e" in text

    def test_a_bomb_never_reaches_the_page(self):
        report = report_of(
            naive, cases=["bomb_header_only", "bomb_gif_screen", "bomb_180_megapixels"], pictures=lambda _: ()
        )
        text = page_of(report)
        assert (len(report.rows), self.thumbnails(text)) == (3, [])
        assert len(text) < 40_000
        assert "cannot be opened as a picture" in html.unescape(text)

    def test_what_rides_in_a_picture_stays_behind(self):
        out = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(out, "PNG", icc_profile=b"\x55" * 500_000)
        text = page_with(row_of(answer(out.getvalue())))
        assert len(text) < 30_000
        assert self.thumbnails(text)[0].info.get("icc_profile") is None

    def test_of_many_the_last_ones_are_shown(self):
        many = [make_picture("png", 8 + number, 8) for number in range(9)]
        assert [small.width for small in self.thumbnails(page_with(row_of(answer(*many))))] == [13, 14, 15, 16]

    def test_a_long_svg_is_cut_and_shown_as_text(self):
        text = page_with(row_of(answer(b"<svg>" + b"<g>" * 5000)))
        assert (html.unescape(text).count("<g>"), "SVG, 15005 bytes" in text) == (665, True)

    def test_every_edge_case_can_be_shown(self):
        def fails(answer):
            raise ValueError

        report = report_of(fails, given="response")
        text = page_of(report)
        assert text.count("<article") == len(report.rows) > 250
        assert len(text) < 1_000_000
