"""Every way in which an answer can be odd or wrong: a table, each row a function of a few lines.

A row is entered by `@edge_case` in the module of its level. Importing this package fills the table.
"""

from pytest_imgresponse.edge_cases.table import EDGE_CASES, EdgeCase

__all__ = ["EDGE_CASES", "EdgeCase"]
