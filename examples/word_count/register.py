"""Word count: the line that makes it a job type. In the service it stands in JOB_TYPES of temporal/registry.py."""

from examples.word_count.activities import WordCountActivities
from examples.word_count.contracts import WordCountInput
from examples.word_count.workflows import WordCountWorkflow
from temporal.registry import JobType

WORD_COUNT = JobType("word_count", WordCountInput, WordCountWorkflow, WordCountActivities)
