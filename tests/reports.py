"""What `check_parser` finds, be the contract kept or broken."""

from __future__ import annotations

from hypothesis import settings

from pytest_imgresponse import ContractError, check_parser


def report_of(parse, **options):
    """The report; nothing is generated unless it is said how many."""
    try:
        return check_parser(parse, **{"max_examples": 0, **options})
    except ContractError as error:
        return error.report


def happened(parse, *cases, **options):
    """What the report says of each of these cases that broke the contract; of all, where none is named."""
    report = report_of(parse, **({"cases": cases} if cases else {}), **options)
    return {row.trial.name: row.happened for row in report.rows}


class settings_of:
    """Hypothesis' profile, for a while."""

    def __init__(self, **options):
        settings.register_profile("contract", **options)
        self.before = settings.get_current_profile_name()

    def __enter__(self):
        settings.load_profile("contract")

    def __exit__(self, *error):
        settings.load_profile(self.before)
