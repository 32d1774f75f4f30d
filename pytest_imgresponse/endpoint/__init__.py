"""`LocalEndpoint`: an OpenAI-compatible images API on the loopback, for everyone without a key."""

from pytest_imgresponse.endpoint.local import LocalEndpoint

__all__ = ["LocalEndpoint"]
