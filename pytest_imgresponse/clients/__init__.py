"""The HTTP clients of this process: where vcrpy patches them, and what answers them instead."""
