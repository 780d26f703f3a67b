"""Failure types: names, in a job's `error.type`, of failures that the queue itself makes and acts upon.

They are written into workflow histories: a name never changes.
"""

HELD = "Held"
"""A worker gave the step back before it began: its tenant, or what it needs, is paused."""
OUTCOME_UNKNOWN = "OutcomeUnknown"
"""The step may have taken effect; see `contracts.errors.OutcomeUnknown`."""
SET_ASIDE = "SetAside"
"""The step cost several workers their life."""
NOT_CONFIGURED = "NotConfigured"
"""The installation lacks something that the step needs; see `contracts.errors.NotConfigured`."""
DEPENDENCY_FAILED = "DependencyFailed"
"""A job this one depends on did not complete."""
OVER_LIMIT = "OverLimit"
"""A schedule's start that its tenant's limits left no room for."""
LEFT_OUT = frozenset({DEPENDENCY_FAILED, OVER_LIMIT})
"""Failures by which a job ends as cancelled: it has not begun, and is not to."""
NOT_APPROVED = "NotApproved"
"""Somebody rejected what the job made, or nobody decided in time."""
NOT_POSTED = "NotPosted"
"""Every platform refused the post for good."""
DISCARDED = "Discarded"
"""An operator gave the dead job up."""
UNDECIDED = frozenset({HELD, OUTCOME_UNKNOWN, SET_ASIDE, NOT_CONFIGURED})
"""Failures that Temporal does not retry and that do not end the job either: somebody, or something, decides."""
