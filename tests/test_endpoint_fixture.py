"""The fixture `imgresponse_endpoint`: an endpoint that programs in other processes find too."""

PROGRAM = """
import subprocess, sys

PROGRAM = '''
import openai
with openai.OpenAI() as client:
    answer = client.images.generate(model="dall-e-2", prompt="a red fox", size="256x256", response_format="b64_json")
    print(client.base_url, client.api_key, len(answer.data))
'''

def run():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
"""


def test_a_program_that_names_no_server_and_no_key(suite, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://nowhere.invalid/v1")
    suite.write(
        PROGRAM
        + """
def test_it(imgresponse_endpoint):
    url, key, pictures = run()
    assert url.rstrip("/") == imgresponse_endpoint.url == os.environ["OPENAI_BASE_URL"]
    assert (key, pictures) == ("sk-imgresponse-endpoint", "1")
    assert [request.json()["prompt"] for request in imgresponse_endpoint.requests] == ["a red fox"]

def test_that_comes_after():
    assert os.environ["OPENAI_BASE_URL"] == "http://nowhere.invalid/v1"
    assert "OPENAI_API_KEY" not in os.environ
"""
    )
    suite.run().outcomes(passed=2)


def test_a_key_of_one_s_own_stays(suite, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    suite.write(
        """
        def test_it(imgresponse_endpoint):
            assert os.environ["OPENAI_API_KEY"] == "sk-mine"
        """
    )
    suite.run().outcomes(passed=1)


def test_what_is_recorded_from_it_replays_from_the_cassette(suite, monkeypatch):
    """Beside the fixture `imgresponse`: each run has an endpoint on a port of its own."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    suite.write(
        """
        def test_it(imgresponse, imgresponse_endpoint):
            import openai

            with openai.OpenAI() as client:
                client.images.generate(model="dall-e-2", prompt="x", size="256x256", response_format="b64_json")
            assert len(imgresponse_endpoint.requests) == (1 if imgresponse.recording else 0)
        """
    )
    suite.record().outcomes(passed=1)
    suite.run().outcomes(passed=1)
