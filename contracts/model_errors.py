"""Why a model will not answer: codes of `Declined`, in a job's `error.code`. They never change."""

CONTENT_POLICY = "content_policy"
"""The provider refuses what it was asked to write; another provider is not asked."""
INSUFFICIENT_QUOTA = "insufficient_quota"
"""The provider's account has no money left."""
