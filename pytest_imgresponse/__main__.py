"""`python -m pytest_imgresponse`: the `imgresponse` command, where its script is not on the path."""

import sys

from pytest_imgresponse.cli import main

sys.exit(main(prog="python -m pytest_imgresponse"))
