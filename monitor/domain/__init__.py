"""What the service decides, as pure functions over frozen values.

Nothing in here does I/O, reads a clock, or knows a framework: every function takes values and
returns values, ``now`` included. import-linter holds it to that.
"""
