"""Record, replay and generate the answers of image-generation APIs.

The public names are imported when they are first used (PEP 562): the plugin loads in every run of its user's
suite.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pytest_imgresponse import reproduce as reproduce
    from pytest_imgresponse import strategies as strategies
    from pytest_imgresponse.cassette.persister import ImagePersister as ImagePersister
    from pytest_imgresponse.cassette.recorder import ImgResponse as ImgResponse
    from pytest_imgresponse.cassette.recorder import replay as replay
    from pytest_imgresponse.checks import Finding as Finding
    from pytest_imgresponse.checks import check as check
    from pytest_imgresponse.contract import Report as Report
    from pytest_imgresponse.contract import check_parser as check_parser
    from pytest_imgresponse.edge_cases import EDGE_CASES as EDGE_CASES
    from pytest_imgresponse.edge_cases import EdgeCase as EdgeCase
    from pytest_imgresponse.endpoint import LocalEndpoint as LocalEndpoint
    from pytest_imgresponse.errors import CassetteDecodeError as CassetteDecodeError
    from pytest_imgresponse.errors import CassetteError as CassetteError
    from pytest_imgresponse.errors import CassetteInUseError as CassetteInUseError
    from pytest_imgresponse.errors import CassetteMissingError as CassetteMissingError
    from pytest_imgresponse.errors import CassetteSaveError as CassetteSaveError
    from pytest_imgresponse.errors import ConfigError as ConfigError
    from pytest_imgresponse.errors import ContractError as ContractError
    from pytest_imgresponse.errors import ImgResponseError as ImgResponseError
    from pytest_imgresponse.errors import NetworkBlockedError as NetworkBlockedError
    from pytest_imgresponse.errors import OutsideCassetteError as OutsideCassetteError
    from pytest_imgresponse.errors import ResponseError as ResponseError
    from pytest_imgresponse.errors import UnplayedError as UnplayedError
    from pytest_imgresponse.errors import UnrecordableRequestError as UnrecordableRequestError
    from pytest_imgresponse.errors import UnrecordedRequestError as UnrecordedRequestError
    from pytest_imgresponse.errors import UnstubbedRequestError as UnstubbedRequestError
    from pytest_imgresponse.faults import FAULTS as FAULTS
    from pytest_imgresponse.faults import Fault as Fault
    from pytest_imgresponse.http import HTTPRequest as HTTPRequest
    from pytest_imgresponse.http import HTTPResponse as HTTPResponse
    from pytest_imgresponse.models import CompletedEvent as CompletedEvent
    from pytest_imgresponse.models import ErrorBody as ErrorBody
    from pytest_imgresponse.models import Image as Image
    from pytest_imgresponse.models import ImagesResponse as ImagesResponse
    from pytest_imgresponse.models import PartialImageEvent as PartialImageEvent
    from pytest_imgresponse.models import SvgUsage as SvgUsage
    from pytest_imgresponse.models import Usage as Usage
    from pytest_imgresponse.stubs.stub import Stubbed as Stubbed
    from pytest_imgresponse.stubs.stub import stub as stub

_SUBMODULES = ("reproduce", "strategies")
_NAMES = {
    "cassette.persister": ("ImagePersister",),
    "cassette.recorder": ("ImgResponse", "replay"),
    "checks": ("Finding", "check"),
    "contract": ("Report", "check_parser"),
    "edge_cases": ("EDGE_CASES", "EdgeCase"),
    "endpoint": ("LocalEndpoint",),
    "errors": (
        "CassetteDecodeError",
        "CassetteError",
        "CassetteInUseError",
        "CassetteMissingError",
        "CassetteSaveError",
        "ConfigError",
        "ContractError",
        "ImgResponseError",
        "NetworkBlockedError",
        "OutsideCassetteError",
        "ResponseError",
        "UnplayedError",
        "UnrecordableRequestError",
        "UnrecordedRequestError",
        "UnstubbedRequestError",
    ),
    "faults": ("FAULTS", "Fault"),
    "http": ("HTTPRequest", "HTTPResponse"),
    "models": ("CompletedEvent", "ErrorBody", "Image", "ImagesResponse", "PartialImageEvent", "SvgUsage", "Usage"),
    "stubs.stub": ("Stubbed", "stub"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted([*_MODULE_OF, *_SUBMODULES])


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    # Not what is imported here, nor the submodules, which Python enters when something imports them.
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__})
