"""The judge: `check` walks a response from the outside in, and says what is unusual or wrong with it."""

from pytest_imgresponse.checks.finding import LEVELS, VERDICTS, Finding, Level, Verdict
from pytest_imgresponse.checks.response import check

__all__ = ["LEVELS", "VERDICTS", "Finding", "Level", "Verdict", "check"]
