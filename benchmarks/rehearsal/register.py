"""Runs our programs with the job types of examples and benchmarks beside the real ones.

`python -m benchmarks.rehearsal.register serve|worker [arguments of that program]`
"""

import sys

from benchmarks.rehearsal.activities import RehearsalActivities
from benchmarks.rehearsal.contracts import RehearsalInput
from benchmarks.rehearsal.workflows import RehearsalWorkflow
from examples.word_count.register import WORD_COUNT
from temporal.registry import JOB_TYPES, JobType

REHEARSAL = JobType("rehearsal", RehearsalInput, RehearsalWorkflow, RehearsalActivities, max_attempts=8)


def register() -> None:
    """Add the job types. What reads the registry at import must be imported after this."""
    for kind in (WORD_COUNT, REHEARSAL):
        JOB_TYPES[kind.name] = kind


def main() -> None:
    """Run the program that the first argument names."""
    program = sys.argv.pop(1)
    register()
    if program == "serve":
        from serve import main as run
    else:
        from worker import main as run
    run()


if __name__ == "__main__":
    main()
