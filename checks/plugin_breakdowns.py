"""Whether a plugin broke before it had anything to say, by what its interpreter writes to the standard error.

A plugin speaks on its standard output. One that is silent there, while its interpreter tells of a missing module, an
exception nobody caught or arguments it does not know, has not looked at the target, whatever its exit status: Perl ends
with 2 for a module that is not installed, Go with 2 for a panic, Python's argument parser with 2 for an option it does
not have, and 2 would be somebody's outage.
"""

import re

_BROKEN = re.compile(
    r"""^(?:
      \s*usage(?:\ of\ \S{1,400})?:                         # its arguments are not understood
    | Traceback\ \(most\ recent\ call\ last\):              # Python
    | (?:Syntax|Indentation|Tab)Error:
    | BEGIN\ failed--compilation\ aborted                   # Perl
    | Can't\ (?:locate|load)\ .{1,200}\ in\ @INC
    | Execution\ of\ .{1,400}\ aborted\ due\ to\ compilation\ errors
    | .{0,400}\ at\ \S{1,200}\ line\ \d{1,9}\.?\s*$
    | goroutine\ \d{1,9}\ \[                                # Go
    | \S{1,200}:\d{1,9}:in\ .{1,400}\ \(\w{1,80}(?:Error|Exception)\)  # Ruby
    | (?:node:)?internal/\S{1,200}:\d{1,9}\s*$              # Node
    | Exception\ in\ thread\ "                              # Java
    | .{1,200}:\ (?:line\ )?\d{1,9}:\ [Ss]yntax\ error      # the shells
    )""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)


def broke_down(out: str, errors: str) -> bool:
    """Tell whether a program broke before it said anything."""
    return not out.strip() and bool(_BROKEN.search(errors))
