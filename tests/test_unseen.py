"""What would pass a marked test unseen: each is refused, or named. Each test is a story of runs."""

from __future__ import annotations

import socket

import httpx
import pytest

from pytest_imgresponse import CassetteMissingError, UnrecordedRequestError, replay
from pytest_imgresponse._network import is_local

PLACES = {
    "setUpClass of TestShop": """
        import unittest

        @pytest.mark.imgresponse
        class TestShop(unittest.TestCase):
            @classmethod
            def setUpClass(cls): ask()
            def test_it(self): pass
        """,
    "tearDownClass of TestClean": """
        import unittest

        @pytest.mark.imgresponse
        class TestClean(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): ask()
            def test_it(self): pass
        """,
    "setup_class of TestShop": """
        @pytest.mark.imgresponse
        class TestShop:
            def setup_class(cls): ask()
            def test_it(self): pass
        """,
    "teardown_class of TestClean": """
        @pytest.mark.imgresponse
        class TestClean:
            def teardown_class(cls): ask()
            def test_it(self): pass
        """,
    "setup_module of": """
        def setup_module(): ask()

        @pytest.mark.imgresponse
        def test_it(): httpx.get(BASE + "/models")
        """,
    "the session fixture 'logo'": """
        @pytest.fixture(scope="session")
        def logo(): return ask()

        @pytest.mark.imgresponse
        def test_it(logo): pass
        """,
    "the end of the package fixture 'logo'": """
        @pytest.fixture(scope="package")
        def logo():
            yield
            ask()

        @pytest.mark.imgresponse
        def test_it(logo): pass
        """,
    "the class fixture 'logo'": """
        @pytest.fixture(scope="class", autouse=True)
        def logo(): ask()

        def test_first(): pass

        def test_it(imgresponse): pass
        """,
    "the module fixture 'logo'": """
        @pytest.fixture(scope="module")
        async def logo():
            async with httpx.AsyncClient() as client:
                await client.post(BASE + "/images/generations", json={"prompt": "a red fox"})

        @pytest.mark.imgresponse
        @pytest.mark.anyio
        async def test_it(logo): pass

        @pytest.fixture(scope="module")
        def anyio_backend(): return "asyncio"
        """,
    "set-up or teardown of tests/test_logo.py::test_it": """
        @pytest.fixture(scope="session")
        def logo(): return ask()

        @pytest.fixture
        def imgresponse_config(request): return {"match_on": [request.getfixturevalue("logo").text]}

        @pytest.mark.imgresponse
        def test_it(): pass
        """,
}


class TestOutsideOfTheCassette:
    @pytest.mark.parametrize("mode", ["none", "all"])
    @pytest.mark.parametrize("place", PLACES)
    def test_what_is_asked_is_refused_and_named(self, suite, place, mode):
        run = (
            suite.write(PLACES[place])
            .record(mode=mode)
            .sent(0)
            .says(
                "OutsideCassetteError: POST http://127.0.0.1:",
                f"/v1/images/generations was asked outside of a cassette, in {place}",
                "with pytest_imgresponse.replay(path): ",
                "ignore_hosts=['127.0.0.1']",
                "imgresponse_ignore_hosts",
                "imgresponse: refused: POST http://127.0.0.1:",
            )
        )
        assert run.result.ret == pytest.ExitCode.TESTS_FAILED

    SHARED = """
    @pytest.fixture(scope="module")
    def logo():
        answer = ask("set up")
        yield answer
        ask("torn down")

    def test_unmarked_first(logo): pass

    {marker}
    def test_marked(logo): pass

    def test_unmarked_last(logo): pass
    """

    def test_a_wider_fixture_is_guarded_whichever_test_sets_it_up(self, suite):
        suite.write(self.SHARED.format(marker="@pytest.mark.imgresponse")).run().outcomes(errors=3).sent(0)

    def test_it_is_not_where_no_marked_test_that_runs_uses_it(self, suite):
        suite.write(self.SHARED.format(marker="")).run().outcomes(passed=3).sent(2).says_not("refused")
        suite.write(self.SHARED.format(marker="@pytest.mark.imgresponse"))
        suite.run("-k", "unmarked").outcomes(passed=2, deselected=1).sent(2)

    def test_it_may_ask_the_hosts_that_one_of_its_tests_ignores(self, suite):
        suite.write(self.SHARED.format(marker="@pytest.mark.imgresponse(ignore_hosts=['127.0.0.*'])"))
        suite.run().outcomes(passed=3).sent(2).says_not("refused")

    def test_hosts_are_ignored_by_the_ini_value(self, suite):
        suite.configure("imgresponse_ignore_hosts = selenium.local 127.0.0.1")
        suite.write(self.SHARED.format(marker="@pytest.mark.imgresponse").replace("pass", "ask()"))
        suite.run().outcomes(passed=3).sent(5)

    def test_hosts_are_ignored_by_the_config_fixture_from_then_on(self, suite):
        suite.write(
            """
            @pytest.fixture
            def imgresponse_config(): return {"ignore_hosts": ["127.0.0.1"]}

            @pytest.fixture(scope="session")
            def early(): ask("early")

            @pytest.fixture(scope="session")
            def late(): ask("late")

            @pytest.mark.imgresponse
            def test_late(request): request.getfixturevalue("late")

            @pytest.mark.imgresponse
            def test_early(early): pass
            """
        )
        suite.run().outcomes(passed=1, errors=1).sent(1)

    def test_a_marker_that_is_added_once_all_is_collected(self, suite):
        suite.root.joinpath("conftest.py").write_text(
            "import pytest\ndef pytest_collection_modifyitems(items):\n"
            "    for item in items: item.add_marker(pytest.mark.imgresponse)\n"
        )
        source = "@pytest.fixture(scope='module')\ndef wide(): {}\ndef test_it(wide): ask()\n"
        suite.write(source.format("pass")).record().outcomes(passed=1).sent(1)
        suite.write(source.format("ask()")).run().outcomes(errors=1).sent(0)

    def test_replay_and_stub_in_a_wider_fixture_answer(self, suite):
        suite.write(
            """
            from pytest_imgresponse import replay, stub

            @pytest.fixture(scope="module")
            def recorded():
                with replay("cassettes/recorded", record="once"):
                    return ask()

            @pytest.fixture(scope="module")
            def stubbed():
                import threading
                with stub({"created": 1, "data": []}):
                    thread = threading.Thread(target=ask)
                    thread.start()
                    thread.join()
                    yield ask().json()["data"]

            @pytest.mark.imgresponse
            def test_it(recorded, stubbed):
                assert (recorded.status_code, stubbed) == (200, [])
                httpx.post(BASE + "/images/generations", json={"prompt": "unsafe"})
            """
        )
        suite.record().outcomes(passed=1).sent(2)
        suite.run("--imgresponse-strict").outcomes(passed=1).sent(0)

    def test_a_stub_on_another_thread_is_in_nobodys_way(self, suite):
        suite.write(
            """
            import threading
            from pytest_imgresponse import stub

            def asking(answers):
                with stub({"created": 1, "data": []}):
                    answers.append(ask().json()["created"])

            @pytest.fixture(scope="module")
            def answers():
                found = []
                threads = [threading.Thread(target=asking, args=(found,)) for _ in range(2)]
                for thread in threads:
                    thread.start()
                    thread.join()
                return found

            @pytest.mark.imgresponse(allow_unplayed=True)
            def test_it(answers): assert answers == [1, 1]
            """
        )
        suite.run("--imgresponse-strict").outcomes(passed=1).sent(0)

    def test_other_requests_to_the_loopback_pass_and_are_counted(self, suite):
        suite.write(
            """
            import urllib.request

            @pytest.fixture(scope="session")
            def healthy():
                httpx.get(BASE + "/models")
                with pytest.raises(urllib.error.HTTPError):
                    urllib.request.urlopen(BASE + "/nothing")

            @pytest.mark.imgresponse
            def test_it(healthy): ask()
            """
        )
        suite.record().outcomes(passed=1).sent(3).says("imgresponse: 2 requests to the loopback passed outside")
        suite.run().outcomes(passed=1).sent(2).says("1 replayed")

    def test_what_leaves_the_machine_is_refused_whatever_its_method(self, suite):
        suite.write(
            """
            import pytest_imgresponse

            def test_first(healthy): pass

            @pytest.fixture(scope="session")
            def healthy():
                for url in ("http://example.com/health", "http://10.0.0.1/", "http://[2001:db8::1]/"):
                    with pytest.raises(pytest_imgresponse.OutsideCassetteError, match="GET http"):
                        httpx.get(url)

            def test_it(healthy, imgresponse): pass
            """
        )
        suite.run().outcomes(passed=2).says("refused: GET http://example.com/health was asked")

    def test_a_refusal_that_was_caught_is_named_and_strict_fails_the_run(self, suite):
        suite.write(
            """
            @pytest.fixture(scope="session", autouse=True)
            def telemetry():
                try: ask()
                except Exception: pass

            @pytest.mark.imgresponse(allow_unplayed=True)
            def test_it(): pass
            """
        )
        assert suite.run().outcomes(passed=1).says("imgresponse: refused: POST http://").result.ret == 0
        assert suite.run("--imgresponse-strict").outcomes(passed=1).result.ret == pytest.ExitCode.TESTS_FAILED

    def test_the_cassette_is_asked_though_a_wider_fixture_patches_a_client(self, suite):
        suite.write(
            """
            @pytest.fixture(scope="module")
            def instrumented():
                patch = pytest.MonkeyPatch()
                patch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: httpx.Response(418))
                yield
                patch.undo()

            def test_before(): assert ask("before").status_code == 200

            @pytest.mark.imgresponse
            def test_it(instrumented): assert ask().status_code == 200

            def test_between(instrumented): assert ask().status_code == 418

            @pytest.mark.imgresponse
            def test_again(instrumented): assert ask().status_code == 200
            """
        )
        suite.write("def test_after(): assert ask('after').status_code == 200", "tests/test_other.py")
        suite.record().outcomes(passed=5).sent(4)
        suite.run().outcomes(passed=5).sent(2)

    def test_a_mock_that_a_test_lays_over_its_cassette_stays_there(self, suite):
        suite.write(
            """
            from pytest_imgresponse import stub

            @pytest.mark.imgresponse
            def test_it(monkeypatch):
                monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: httpx.Response(418))
                with stub({"created": 1, "data": []}): assert ask().status_code == 418
                assert ask().status_code == 418
            """
        )
        suite.run().outcomes(passed=1)

    @pytest.mark.slow
    def test_workers_send_what_they_refused(self, suite):
        suite.write(
            """
            @pytest.fixture(scope="session")
            def healthy(): httpx.get(BASE + "/models")

            @pytest.fixture(scope="session", autouse=True)
            def telemetry():
                try: ask()
                except Exception: pass

            @pytest.mark.imgresponse
            @pytest.mark.parametrize("n", range(2))
            def test_it(healthy, n): pass
            """
        )
        run = suite.run("-n2", "--dist=each", "--imgresponse-strict", subprocess=True)
        run.says("refused: POST", "saw no request", "2 requests to the loopback passed")
        assert run.result.ret == pytest.ExitCode.TESTS_FAILED


class TestNoRequest:
    CHILD = """
    import subprocess, sys

    {marker}
    def test_it({argument}):
        subprocess.run([sys.executable, "-c", "import urllib.request as u; u.urlopen(" + repr(BASE + "/models") + ")"])
    """

    @pytest.mark.parametrize(
        ("marker", "argument"),
        [
            ("@pytest.mark.imgresponse", ""),
            ("@pytest.mark.imgresponse('shared')", ""),
            ("", "imgresponse"),
            ("@pytest.mark.usefixtures('imgresponse')", ""),
        ],
    )
    def test_it_is_said_and_strict_fails_it(self, suite, marker, argument):
        suite.write(self.CHILD.format(marker=marker, argument=argument))
        suite.run().outcomes(passed=1).says("imgresponse: saw no request: tests/test_logo.py::test_it")
        suite.record("--imgresponse-strict").outcomes(passed=1, errors=1).says(
            "UnplayedError: tests/test_logo.py::test_it saw no request", "imgresponse(allow_unplayed=True)"
        )

    @pytest.mark.parametrize(
        "source",
        [
            "@pytest.mark.imgresponse(allow_unplayed=True)\ndef test_it(): pass",
            "pytestmark = pytest.mark.imgresponse\ndef test_it(): pass",
            "@pytest.mark.imgresponse\nclass TestIt:\n    def test_it(self): pass",
            "@pytest.fixture\ndef answers(imgresponse): return imgresponse\ndef test_it(answers): pass",
            "def test_it(request): request.getfixturevalue('imgresponse')",
            "@pytest.mark.imgresponse\ndef test_it(): pytest.skip()",
            "@pytest.mark.imgresponse\ndef test_it(): assert 0",
        ],
    )
    def test_it_is_not_where_the_marker_is_wider_or_the_test_says_so(self, suite, source):
        suite.write(source).run("--imgresponse-strict").says_not("no request").says_not("UnplayedError")

    @pytest.mark.parametrize(
        ("marker", "statement"),
        [
            ("", "with stub({'created': 1, 'data': []}): ask()"),
            ("", "with replay('cassettes/inner', record='once'): ask()"),
            ("(ignore_hosts=['127.0.0.1'])", "ask()"),
            ("(ignore_hosts=['127.0.0.1'])", "urllib3.request('GET', BASE + '/nothing')"),
            ("(ignore_hosts=['127.0.0.1'])", "asyncio.run(over_aiohttp())"),
            ("", "ask()"),
        ],
    )
    def test_what_a_stub_or_replay_or_an_ignored_host_is_asked_is_seen(self, suite, marker, statement):
        suite.write(
            f"""
            import asyncio
            import aiohttp, urllib3
            from pytest_imgresponse import replay, stub

            async def over_aiohttp():
                async with aiohttp.ClientSession() as session, session.get(BASE + "/models"): pass

            @pytest.mark.imgresponse{marker}
            def test_it():
                {statement}
            """
        )
        suite.record("--imgresponse-strict").outcomes(passed=1).says_not("no request")

    def test_both_is_said_where_interactions_are_left(self, suite):
        suite.write("@pytest.mark.imgresponse\ndef test_it(): ask()").record()
        suite.write("@pytest.mark.imgresponse\ndef test_it(): pass").run("--imgresponse-strict").says(
            "saw no request, though", "1 of 1 interactions of"
        )


@pytest.fixture
def quiet():
    """The URL of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class TestNoAnswer:
    def test_it_is_said_and_nothing_is_made(self, suite, quiet):
        suite.write(
            f"""
            import asyncio, urllib.request

            @pytest.mark.imgresponse("shared")
            def test_late():
                with pytest.raises(httpx.TimeoutException):
                    httpx.get({quiet!r} + "/late?key=sk-live-0123456789", timeout=0.01)

            @pytest.mark.imgresponse
            def test_refused():
                with pytest.raises(OSError):
                    urllib.request.urlopen("http://127.0.0.1:1/refused")

            @pytest.mark.imgresponse
            def test_cancelled():
                async def main():
                    async with httpx.AsyncClient() as client:
                        await asyncio.wait_for(client.get({quiet!r} + "/cancelled"), 0.05)
                with pytest.raises(asyncio.TimeoutError):
                    asyncio.run(main())
                assert 0
            """
        )
        run = suite.record().outcomes(passed=2, failed=1)
        run.says("imgresponse: 3 requests got no answer and will not replay", "LocalEndpoint.fail and stub")
        run.says("no answer: GET http://127.0.0.1/late?key=REDACTED (tests/test_logo.py::test_late)")
        run.says("no answer: GET http://127.0.0.1/refused", "no answer: GET http://127.0.0.1/cancelled")
        assert suite.files() == []

    def test_a_miss_of_the_same_run_says_so(self, suite, quiet):
        suite.write(
            f"""
            def late(): httpx.get({quiet!r}, timeout=0.01)

            @pytest.mark.imgresponse("shared", record="all")
            def test_first():
                with pytest.raises(httpx.TimeoutException): late()

            @pytest.mark.imgresponse("shared", record="none")
            def test_second(): late()
            """
        )
        suite.run().outcomes(passed=1, failed=1).says(
            "imgresponse: 1 request got no answer and will not replay",
            "In this run a request got no answer while it was recorded.",
            "LocalEndpoint.fail and stub",
        )
        suite.run("-k", "second").outcomes(failed=1, deselected=1).says_not("got no answer")

    def test_a_miss_of_the_same_process_says_so(self, tmp_path, quiet, api):
        with replay(tmp_path / "fox", record="once"), pytest.raises(httpx.TimeoutException):
            httpx.get(quiet, timeout=0.01)
        with replay(tmp_path / "fox"), pytest.raises(CassetteMissingError, match="got no answer.*LocalEndpoint.fail"):
            httpx.get(quiet)
        with replay(tmp_path / "fox", record="once"):
            httpx.get(f"{api.url}/models")
        with replay(tmp_path / "fox"), pytest.raises(UnrecordedRequestError, match="got no answer"):
            httpx.get(quiet)

    def test_what_was_answered_is_not_blamed(self, suite):
        suite.write(
            """
            import aiohttp, asyncio

            @pytest.mark.imgresponse
            def test_it():
                async def main():
                    async with aiohttp.ClientSession() as session, session.get(BASE + "/models") as answer:
                        await answer.read()
                asyncio.run(main())
                ask()
                ask("unsafe")
            """
        )
        suite.record().outcomes(passed=1).sent(3).says_not("no answer")
        suite.run().outcomes(passed=1).sent(0).says_not("no answer")


APP = """
    import asyncio, concurrent.futures, contextlib, socket, threading, time, urllib.request
    from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
    import aiohttp
    from aiohttp import web

    class App(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.1 if "slow" in self.path else 0)
            body = httpx.get(BASE + "/models").content if "api" in self.path else b"x"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_): pass

    def served(kind):
        app = kind(("127.0.0.1", 0), App)
        threading.Thread(target=app.serve_forever, args=(0.01,), daemon=True).start()
        return app, f"http://127.0.0.1:{app.server_port}"

    async def asked(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        async with httpx.AsyncClient() as client:
            await asyncio.wait_for(client.get(BASE + "/models"), 5)
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 1\\r\\nconnection: close\\r\\n\\r\\nx")
        writer.close()

    async def in_thread(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        await asyncio.get_running_loop().run_in_executor(None, httpx.get, BASE + "/models")
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 1\\r\\nconnection: close\\r\\n\\r\\nx")
        writer.close()

    async def asking(handler):
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        async with server, httpx.AsyncClient() as client:
            port = server.sockets[0].getsockname()[1]
            return await client.get(f"http://127.0.0.1:{port}/pic")

    async def over_aiohttp():
        async def view(request):
            async with aiohttp.ClientSession() as session, session.get(BASE + "/models") as answer:
                return web.Response(body=await answer.read())
        app = web.Application()
        app.router.add_get("/pic", view)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession() as session, session.get(f"{site.name}/pic") as answer:
            await answer.read()
        await runner.cleanup()

    async def gathered(*urls):
        async with httpx.AsyncClient() as client:
            await asyncio.gather(*(client.get(url) for url in urls))

    def by_name(url):
        look_up = socket.getaddrinfo
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", lambda host, *rest: look_up(host.replace("shop.test", "127.0.0.1"), *rest))
            return httpx.get(url.replace("127.0.0.1", "shop.test"))

    async def in_pool():
        async with httpx.AsyncClient() as client:
            await asyncio.gather(client.get(THREADED + "/slow"), asyncio.to_thread(httpx.get, BASE + "/models/a"))

    def accepting(listener):
        listener.settimeout(0.5)
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.recv(65536)
            httpx.get(BASE + "/models")
            connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 1\\r\\nconnection: close\\r\\n\\r\\nx")

    def with_sockets(start):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            start(listener)
            return httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}/raw")

    async def accepting_in_loop():
        loop = asyncio.get_running_loop()

        async def serve(connection):
            with connection:
                await loop.sock_recv(connection, 65536)
                async with httpx.AsyncClient() as client:
                    await client.get(BASE + "/models")
                await loop.sock_sendall(connection, b"HTTP/1.1 200 OK\\r\\ncontent-length: 1\\r\\nconnection: close\\r\\n\\r\\nx")

        async def listen(listener):
            await asyncio.create_task(serve((await loop.sock_accept(listener))[0]))

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            async with httpx.AsyncClient() as client:
                listening = asyncio.create_task(listen(listener))
                await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/raw")
                listening.cancel()

    async def over_a_worker():
        queue, tasks = asyncio.Queue(), []

        async def work():
            answer = await queue.get()
            async with httpx.AsyncClient() as client:
                answer.set_result((await client.get(BASE + "/models")).content)

        async def view(request):
            await queue.put(answer := asyncio.get_running_loop().create_future())
            return web.Response(body=await answer)

        async def start(app):
            tasks.append(asyncio.create_task(work()))

        app = web.Application()
        app.router.add_get("/pic", view)
        app.on_startup.append(start)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with httpx.AsyncClient() as client:
            await client.get(f"{site.name}/pic")
        await runner.cleanup()

    def paired(listener):
        "What `socketpair` does where the system has none."
        with socket.create_connection(listener.getsockname()):
            return eval("listener.accept()[0]", vars(socket), {"listener": listener})

    def served_before(listener):
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
        connection.close()
        return connection

    async def beside(*made):
        "In the pool, of which a thread was no server, or is one no more."
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            kept = [await loop.run_in_executor(POOL, before, listener) for before in made]
            async with httpx.AsyncClient() as client:
                asked = loop.run_in_executor(POOL, lambda: (time.sleep(0.05), httpx.get(BASE + "/models/a")))
                await asyncio.gather(client.get(THREADED + "/slow"), asked)
        for connection in kept:
            connection.close()

    POOL = concurrent.futures.ThreadPoolExecutor(1)
    LOOP = asyncio.new_event_loop()
    LOOP.run_until_complete(asyncio.to_thread(len, ""))

    def early():
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(asked, "127.0.0.1", 0))
        threading.Thread(target=loop.run_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    EARLY = early()
    THREADED, ONE = served(ThreadingHTTPServer)[1], served(HTTPServer)[1]

    @pytest.mark.imgresponse
    def test_it(tmp_path):
        STATEMENT
"""


class TestServerOfTheTests:
    @pytest.mark.parametrize(
        "statement",
        [
            "httpx.get(THREADED + '/api')",
            "httpx.get(ONE + '/api')",
            "urllib.request.urlopen(served(HTTPServer)[1] + '/api').read()",
            "asyncio.run(asking(asked))",
            "asyncio.run(asking(in_thread))",
            "asyncio.run(over_aiohttp())",
            "__import__('uvloop').run(asking(in_thread))",
            "httpx.get(EARLY)",
            "with_sockets(lambda listener: threading.Thread(target=accepting, args=(listener,)).start())",
            "with_sockets(lambda listener: POOL.submit(accepting, listener))",
            "asyncio.run(accepting_in_loop())",
            "__import__('uvloop').run(accepting_in_loop())",
            "asyncio.run(over_a_worker())",
            "__import__('uvloop').run(over_a_worker())",
        ],
    )
    def test_it_is_named_when_it_is_recorded(self, suite, statement):
        if "uvloop" in statement:
            pytest.importorskip("uvloop")
        suite.write(APP.replace("STATEMENT", statement))
        run = suite.record().outcomes(passed=1).sent(1).says("2 recorded", "ignore_hosts")
        run.says("recorded a server of the tests' own, which replay does not run: GET http://127.0.0.1:")
        way_out = "let it pass by ignore_hosts=['127.0.0.1'] under another name than 127.0.0.1, of the API"
        run.says(f" asked GET {suite.api.url}/models; {way_out} (tests/test_logo.py::test_it)")
        suite.run().outcomes(passed=1).sent(0).says_not("ignore_hosts")

    def test_it_is_let_pass_and_runs_when_the_test_replays(self, suite):
        marked = "@pytest.mark.imgresponse(ignore_hosts=['localhost'])"
        source = APP.replace("@pytest.mark.imgresponse", marked)
        source = source.replace(
            "STATEMENT", "assert httpx.get(ONE.replace('127.0.0.1', 'localhost') + '/api').status_code == 200"
        )
        suite.write(source).record().outcomes(passed=1).sent(1).says("1 recorded").says_not("the tests' own")
        suite.run("--imgresponse-strict").outcomes(passed=1).sent(0)
        suite.write(source.replace("do_GET", "do_PUT")).run().outcomes(failed=1).sent(0)

    @pytest.mark.parametrize(
        "statement",
        [
            "asyncio.run(gathered(BASE + '/models', BASE + '/models/a', BASE + '/models/b'))",
            "asyncio.run(gathered(BASE + '/models', THREADED + '/plain', ONE + '/plain'))",
            "list(concurrent.futures.ThreadPoolExecutor(3).map(httpx.get, [BASE + '/models', THREADED, ONE]))",
            "httpx.get(THREADED + '/plain'), httpx.get(BASE + '/models')",
            "by_name(THREADED + '/api')",
            "LOOP.run_until_complete(in_pool()), LOOP.run_until_complete(in_pool())",
            "asyncio.run(beside(served_before))",
            "asyncio.run(beside(paired))",
        ],
    )
    def test_neither_a_client_that_asks_several_at_once_is_one_nor_what_is_elsewhere(self, suite, statement):
        suite.write(APP.replace("STATEMENT", statement)).record().outcomes(passed=1).says_not("ignore_hosts")


class TestBlockedNetwork:
    """`--imgresponse-block-network`, beside what `test_plugin.py` says of it."""

    LOOPS = """
    import asyncio, socket, threading

    FAR = ("192.0.2.1", 80)

    async def refused(asked):
        with pytest.raises(Exception, match="connection to .* was blocked: .*test_it.yaml does not record, and --img"):
            await asyncio.wait_for(asked, 1)

    async def main():
        loop = asyncio.get_running_loop()
        protocol, datagrams = asyncio.Protocol, asyncio.DatagramProtocol
        await refused(loop.create_connection(protocol, *FAR))
        await refused(asyncio.open_connection(host="192.0.2.1", port=80))
        await refused(loop.create_datagram_endpoint(datagrams, remote_addr=FAR))
        with socket.socket() as sock:
            sock.setblocking(False)
            await refused(loop.sock_connect(sock, FAR))
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            (await loop.create_connection(protocol, "localhost", port))[0].close()
            (await loop.create_connection(protocol, sock=socket.create_connection(("127.0.0.1", port))))[0].close()
        (await loop.create_datagram_endpoint(datagrams, remote_addr=("127.0.0.1", 9)))[0].close()
        (await loop.create_datagram_endpoint(datagrams, ("127.0.0.1", 0)))[0].close()
        for connected in (True, False):
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.connect(("127.0.0.1", 9)) if connected else sock.bind(("127.0.0.1", 0))
            (await loop.create_datagram_endpoint(datagrams, sock=sock))[0].close()
        return loop

    @pytest.mark.imgresponse
    def test_it(): {statement}
    """

    def test_asyncio(self, suite):
        suite.write(self.LOOPS.format(statement="asyncio.run(main())"))
        suite.run("--imgresponse-block-network").outcomes(passed=1)

    def test_uvloop_which_has_sockets_of_its_own(self, suite):
        pytest.importorskip("uvloop")
        suite.write(
            self.LOOPS.format(
                statement="""
        import uvloop

        async def over_uvloop():
            loop = await main()
            await refused(loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0)))
            await refused(loop.create_datagram_endpoint(asyncio.DatagramProtocol, family=socket.AF_INET))
            for bound in (True, False):
                with socket.socket(type=socket.SOCK_DGRAM) as sock:
                    sock.bind(("0.0.0.0", 0)) if bound else None
                    await refused(loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock))
            one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            with other:
                (await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=one))[0].close()
            return loop

        assert isinstance(uvloop.run(over_uvloop()), uvloop.Loop)"""
            )
        )
        suite.run("--imgresponse-block-network").outcomes(passed=1)

    def test_datagrams(self, suite):
        suite.write(
            """
            import socket

            @pytest.mark.imgresponse
            def test_it():
                with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
                    two.bind(("127.0.0.1", 0))
                    far, near = ("192.0.2.1", 9), two.getsockname()
                    for method, *arguments in (
                        ("sendto", b"x"), ("sendto", b"x", 0), ("sendmsg", [b"x"], [], 0), ("connect_ex",)
                    ):
                        with pytest.raises(Exception, match="192.0.2.1:9 was blocked"):
                            getattr(one, method)(*arguments, far)
                    one.sendto(b"a", near), one.sendto(b"b", 0, near), one.sendmsg([b"c"], [], 0, near)
                    one.connect(near)
                    one.send(b"d"), one.sendmsg([b"e"])
                    assert [two.recv(1) for _ in range(5)] == [b"a", b"b", b"c", b"d", b"e"]
            """
        )
        suite.run("--imgresponse-block-network").outcomes(passed=1)

    def test_wider_fixtures_too_unless_they_record(self, suite):
        suite.write(
            """
            import socket
            from pytest_imgresponse import replay

            def far():
                with socket.socket() as sock:
                    sock.settimeout(0.01)
                    sock.connect(("192.0.2.1", 80))

            @pytest.fixture(scope="session")
            def wide():
                with pytest.raises(Exception, match="was blocked: the session fixture 'wide' does not record, and"): far()
                with replay("cassettes/wide", record="once"):
                    ask()
                    with pytest.raises(OSError): far()

            @pytest.mark.imgresponse(allow_unplayed=True)
            def test_it(wide): pass

            def test_unmarked(request):
                request.getfixturevalue("imgresponse")
                with pytest.raises(Exception, match="test_unmarked.yaml does not record"): far()
            """
        )
        suite.run("--imgresponse-block-network").outcomes(passed=2).sent(1)
        suite.run("--imgresponse-block-network", "-k", "unmarked").outcomes(passed=1, deselected=1)

    def test_the_hosts_that_are_ignored_pass(self, suite):
        """The connection is tried: what refuses it is the machine."""
        suite.root.joinpath("conftest.py").write_text(
            "import socket\n"
            "look_up = socket.getaddrinfo\n"
            "def resolve(host, *arguments, **options):\n"
            "    name = host.decode() if isinstance(host, bytes) else host\n"
            "    known = {'selenium.test': '192.0.2.1', 'other.test': '192.0.2.2'}\n"
            "    return look_up(known.get(name, host), *arguments, **options)\n"
            "socket.getaddrinfo = resolve\n"
        )
        suite.write(
            """
            import socket
            from pytest_imgresponse import NetworkBlockedError

            @pytest.fixture(scope="session", params=[False, True])
            def wide(request):
                hosts = ["selenium.test", "192.0.2.3"]
                for host in [host.encode() for host in hosts] if request.param else hosts:
                    with pytest.raises(OSError): socket.create_connection((host, 80), timeout=0.01)
                with pytest.raises(NetworkBlockedError): socket.create_connection(("other.test", 80), timeout=0.01)

            @pytest.mark.imgresponse(ignore_hosts=["selenium.*", "192.0.2.3"], allow_unplayed=True)
            def test_it(wide):
                with pytest.raises(OSError): socket.create_connection(("selenium.test", 80), timeout=0.01)
            """
        )
        suite.run("--imgresponse-block-network", "-Wignore").outcomes(passed=2)

    @pytest.mark.parametrize(
        ("host", "local"),
        [
            *(
                (host, True)
                for host in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "", "a.LocalHost.")
            ),
            *((host, False) for host in ("10.0.0.1", "::ffff:10.0.0.1", "localhost.example", "fe80::1%eth0")),
        ],
    )
    def test_what_never_leaves_the_machine(self, host, local):
        assert is_local(host) is local


class TestMockTransports:
    """Their answers never leave the process: they are neither asked of a cassette nor recorded."""

    SOURCE = """
    import asyncio
    import respx
    from pytest_imgresponse import CassetteMissingError

    async def over_async(url):
        async with httpx.AsyncClient() as client:
            return await client.get(url)

    GETTERS = [httpx.get, lambda url: asyncio.run(over_async(url))]

    @pytest.mark.imgresponse
    @pytest.mark.parametrize("get", GETTERS, ids=["sync", "async"])
    def test_it({argument}get):
        {before}respx_mock.get("https://mocked.test/").respond(202, text="mocked")
            assert get("https://mocked.test/").text == "mocked"
            with pytest.raises(respx.models.AllMockedAssertionError): get("https://other.test/")
            respx_mock.route(host="127.0.0.1").pass_through()
            {after}
    """

    @pytest.fixture(autouse=True)
    def respx(self):
        pytest.importorskip("respx")

    @pytest.mark.parametrize(
        ("argument", "before"),
        [
            ("respx_mock, ", "if True:\n            "),
            ("", "with respx.mock(assert_all_called=False) as respx_mock:\n            "),
        ],
    )
    def test_respx(self, suite, argument, before):
        suite.write(self.SOURCE.format(argument=argument, before=before, after="assert get(BASE).status_code == 404"))
        suite.record().outcomes(passed=2).sent(2).says("2 recorded")
        text = (suite.cassettes / "test_logo/test_it[sync].yaml").read_text()
        assert text.count("- request:") == 1
        assert "mocked" not in text
        suite.run("--imgresponse-strict").outcomes(passed=2).sent(0).says("2 replayed")

    def test_respx_is_not_asked_for_a_client_that_it_does_not_know(self, suite):
        suite.write(
            """
            import httpx2

            @pytest.mark.imgresponse
            def test_it(respx_mock): httpx2.post(BASE + "/images/generations", json={})
            """
        )
        suite.run().outcomes(failed=1).sent(0).says("CassetteMissingError")

    def test_what_respx_lets_pass_is_refused_without_a_cassette(self, suite):
        suite.write(
            self.SOURCE.format(
                argument="respx_mock, ",
                before="if True:\n            ",
                after="with pytest.raises(CassetteMissingError): get(BASE)",
            )
        )
        suite.run().outcomes(passed=2).sent(0)
