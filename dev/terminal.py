"""The terminal: our own lines only. What the parts print goes to their log files."""

import sys
from contextlib import suppress

from rich.console import Console

console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False)
"""In colour on a terminal; plain and wide when the output goes to a file or a pipe.

No markup: text that was read on a photo is shown as it is.
"""


def say(line: str) -> None:
    """Print one line as it is. A terminal that went away ends nothing: the log files still tell."""
    with suppress(OSError):
        console.print(line, soft_wrap=True)
        console.file.flush()
