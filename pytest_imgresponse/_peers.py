"""The options of other recorders, and what they are here: who comes from one is told, and nothing is ignored."""

from __future__ import annotations

_LEFT_OUT = "leave it out: "

OPTIONS = {
    # vcrpy 9.4
    "record_mode": "it is `record`",
    "cassette_library_dir": "the ini value `imgresponse_cassette_dir` says where cassettes lie",
    "path_transformer": "a marker names its cassette, `@pytest.mark.imgresponse(name)`, and replay() takes its path",
    "func_path_generator": "a marker names its cassette, `@pytest.mark.imgresponse(name)`, and replay() takes its path",
    "filter_headers": f"{_LEFT_OUT}headers that tell a secret are not kept; `redact_values` hides more",
    "filter_query_parameters": "it is `redact_names`, beside what is redacted by default",
    "filter_post_data_parameters": "it is `redact_names`, beside what is redacted by default",
    "before_record_request": "`before_save` changes what is saved, and requests to `ignore_hosts` pass by",
    "before_record_response": "`before_save` changes what is saved",
    "before_save_interaction": "`before_save` changes what is saved",
    "after_load_interaction": f"{_LEFT_OUT}what is replayed is what was recorded",
    "filter_nested_post_data_parameters": "it is `redact_names`, which finds nested names too",
    "filter_sensitive_data": "it is `redact_values`",
    "before_record": "`before_save` changes what is saved",
    "additional_matchers": "it is `match_on`, which names all that counts",
    "ignore_localhost": 'it is `ignore_hosts=["localhost", "127.0.0.1"]`',
    "decode_compressed_response": f"{_LEFT_OUT}bodies are kept without their content-encoding",
    "serializer": f"{_LEFT_OUT}cassettes are YAML, their pictures files beside them",
    "persister": f"{_LEFT_OUT}cassettes are YAML, their pictures files beside them",
    "custom_patches": f"{_LEFT_OUT}there is none; open an issue for a client that is not patched",
    "skip_patchers": f"{_LEFT_OUT}all clients are patched, and requests to `ignore_hosts` pass by",
    "inject": "the fixture `imgresponse` and replay() hand out what was asked and answered",
    "inject_cassette": "the fixture `imgresponse` and replay() hand out what was asked and answered",
    "record_on_exception": f"{_LEFT_OUT}a failing test keeps what it recorded",
    "drop_unused_requests": 'it is `record="rewrite"`',
    # pytest-recording 0.14, pytest-vcr 1.0
    "default_cassette": "a marker names its cassette: `@pytest.mark.imgresponse(name)`",
    "vcr_cassette_name": "a marker names its cassette: `@pytest.mark.imgresponse(name)`",
    "vcr_cassette_dir": "the ini value `imgresponse_cassette_dir` says where cassettes lie",
    "vcr": "the marker is `imgresponse`, with options of its own",
    "vcr_config": "the fixture is `imgresponse_config`",
    "block_network": "it is the option --imgresponse-block-network, or the ini value `imgresponse_block_network`",
    "allowed_hosts": "it is `ignore_hosts`",
    "disable_recording": "leave the marker out",
    # cassetter 0.16
    "cassette_dir": "the ini value `imgresponse_cassette_dir` says where cassettes lie",
    "body_scrub_patterns": "it is `redact_values`, which takes compiled patterns",
    "filter_replacement": f"{_LEFT_OUT}what is redacted has one word in its place",
    "ignore_json_paths": "`match_on` says what counts, and `redact_names` makes the values of names equal",
    "uri_normalizer": "`match_on` says what counts, and `before_save` changes both sides",
    "intercept": f"{_LEFT_OUT}all clients are patched",
    "max_age": f"{_LEFT_OUT}cassettes do not expire",
    "on_expiry": f"{_LEFT_OUT}cassettes do not expire",
    "on_unplayed": "it is `allow_unplayed`, and the option --imgresponse-strict",
}  # fmt: skip
"""By the names that they have there."""

MARKERS = ("vcr", "default_cassette")
FIXTURES = ("vcr_cassette",)
"""Those of a test that another recorder serves; where its fixture is autouse, the marker alone tells."""


def beside(nodeid: str, theirs: str, kind: str) -> str:
    """What is said of a test that two recorders would serve."""
    return (
        f"{nodeid} has the {kind} `{theirs}` of another recorder too, and two recorders would take the same requests; "
        f"keep one of them: for this one, {OPTIONS.get(theirs, 'the fixture is `imgresponse`')}"
    )
