"""The error tree. Each message gives the value, what was expected, where it came from and the way out."""

from __future__ import annotations


class ImgResponseError(Exception):
    """The root: what this package refuses, it refuses with one of these, but for strategies (`InvalidArgument`)."""


class ConfigError(ImgResponseError):
    """An option, a marker, a value of `imgresponse_config`, or an argument of a call or a command, unknown or wrong."""


class CassetteError(ImgResponseError):
    """Something is wrong with a cassette, or with the way it is used."""


class CassetteMissingError(CassetteError):
    """A request was made, there is no cassette, and the record mode does not allow one to be made."""


class CassetteDecodeError(CassetteError):
    """A cassette or one of its pictures is there and cannot be trusted: damaged, foreign, changed."""


class CassetteSaveError(CassetteError):
    """A recording could not be written; the message says where the answers were put instead."""


class CassetteInUseError(CassetteError):
    """A second cassette or stub was opened on another thread or task, or two tests claim one file."""


class UnrecordedRequestError(CassetteError):
    """The cassette holds no answer, or none that is left, for this request; nothing was sent."""


class OutsideCassetteError(CassetteError):
    """Before or after a test's cassette was open, something was asked that would have been sent; nothing was."""


class UnplayedError(CassetteError):
    """Under `--imgresponse-strict`: a test passed and left recorded interactions unplayed, or saw no request at all."""


class UnstubbedRequestError(ImgResponseError):
    """Under `stub`, something else was asked for than what is stubbed; nothing was sent."""


class UnrecordableRequestError(CassetteError):
    """A request that cannot be read for the cassette, its body above all; refused before anything was sent."""


class NetworkBlockedError(ImgResponseError):
    """`--imgresponse-block-network` is on, and code tried to connect beyond the loopback."""


class ResponseError(ImgResponseError):
    """An answer is not what was asked of it: no JSON, no `ImagesResponse`, not a picture."""


class ContractError(ImgResponseError, AssertionError):
    """`check_parser` found a parser that breaks its contract; `report` says how, and how to see it again."""

    def __init__(self, message: str, report: object) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[type[ContractError], tuple[str, object]]:
        """To a process that distributes tests and back."""
        return type(self), (str(self), self.report)
