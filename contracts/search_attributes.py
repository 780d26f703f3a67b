"""Search attributes: what the Temporal Web UI and CLI can filter jobs by.

They are plain text on the server: nothing personal goes in.
"""

from temporalio.common import SearchAttributeKey

TENANT_ID = SearchAttributeKey.for_keyword("TenantId")
JOB_TYPE = SearchAttributeKey.for_keyword("JobType")
JOB_STATUS = SearchAttributeKey.for_keyword("JobStatus")
"""Only set while a job is dead: `temporal workflow list -q 'JobStatus="dead"'`."""

ALL = (TENANT_ID, JOB_TYPE, JOB_STATUS)
