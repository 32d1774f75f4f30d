"""Who comes from another recorder: its options are refused by name, with what they are here."""

from __future__ import annotations

import inspect

import pytest
import vcr

from pytest_imgresponse import ConfigError, replay
from pytest_imgresponse._config import CONFIG_OPTIONS, MARKER_OPTIONS
from pytest_imgresponse._peers import OPTIONS


@pytest.mark.parametrize("option", OPTIONS)
def test_replay_refuses_it_with_its_counterpart(tmp_path, option):
    with pytest.raises(ConfigError) as caught, replay(tmp_path / "fox", **{option: "x"}):
        pytest.fail("opened")
    assert str(caught.value) == (
        f"{option} (from the call of replay()) is an option of other recorders; here {OPTIONS[option]}"
    )


def test_replay_refuses_a_slip_of_the_pen(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown option 'recrd' \(from the call of replay\(\)\); known are: record"):
        with replay(tmp_path / "fox", recrd="all"):
            pytest.fail("opened")


def test_none_of_them_is_ours():
    assert not {*OPTIONS} & {*CONFIG_OPTIONS, *MARKER_OPTIONS}


def test_all_of_vcrpy_are_known():
    """But for those that are options here too."""
    theirs = {*inspect.signature(vcr.VCR).parameters, *vcr.VCR().get_merged_config()} - {"self"}
    assert theirs - {*OPTIONS} <= {*CONFIG_OPTIONS, "allow_playback_repeats"}


@pytest.mark.parametrize("where", ["marker", "config"])
@pytest.mark.parametrize("option", ["record_mode", "filter_headers", "before_record_response", "vcr"])
def test_marker_and_config_refuse_it(suite, where, option):
    marker, config = (f"({option}='x')", {}) if where == "marker" else ("", {option: "x"})
    suite.write(
        f"@pytest.fixture\ndef imgresponse_config(): return {config}\n\n"
        f"@pytest.mark.imgresponse{marker}\ndef test_it(): pass\n\ndef test_other(): pass\n"
    )
    origin = "the marker of tests/test_logo.py::test_it" if where == "marker" else "the fixture imgresponse_config"
    words = f"ConfigError: {option} (from {origin}) is an option of other recorders; here {OPTIONS[option]}"
    suite.run().outcomes(errors=1, passed=1).says(words)


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ("@pytest.mark.vcr", "has the marker `vcr` of another recorder too"),
        ("@pytest.mark.default_cassette('fox')", "here is one"),
        ("@pytest.mark.usefixtures('vcr_cassette')", "has the fixture `vcr_cassette` of another recorder too"),
    ],
)
def test_a_test_of_two_recorders_is_refused(suite, theirs, words):
    suite.configure("markers =", "    vcr", "    default_cassette")
    suite.write(
        f"@pytest.fixture\ndef vcr_cassette(): pass\n\n@pytest.mark.imgresponse\n{theirs}\ndef test_it(): ask()\n\n"
        f"{theirs}\ndef test_theirs(): pass\n"
    )
    words = words if "has" in words else "for this one, a marker names its cassette: `@pytest.mark.imgresponse(name)`"
    suite.record().outcomes(errors=1, passed=1).sent(0).says("ConfigError: tests/test_logo.py::test_it", words)
