"""The contract of a parser: what it must accept, what it must refuse, and how."""

from pytest_imgresponse.contract.parser import check_parser
from pytest_imgresponse.contract.report import Report

__all__ = ["Report", "check_parser"]
