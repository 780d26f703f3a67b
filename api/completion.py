"""Completion of searches: how a name that somebody begins to type may go on, as far as they may see it."""

from collections.abc import Sequence

from api.identity import Caller, Right
from readmodel.completion import Completion


class CompletionDesk:
    """Offers names for the qualifiers `tenant` and `tag` of a search."""

    def __init__(self, completion: Completion) -> None:
        self._completion = completion

    async def tenants(self, caller: Caller, begun: str) -> Sequence[str]:
        """Return tenants whose names begin so; a tenant's key is told of its own alone.

        Raises:
            Forbidden: The key may not look at jobs; likewise `tags`.
            Unavailable: The database did not answer.
        """
        caller.must(Right.JOBS_READ)
        if caller.sees is None:
            return await self._completion.tenants(begun)
        return [caller.sees] if caller.sees.startswith(begun) else []

    async def tags(self, caller: Caller, begun: str) -> Sequence[str]:
        """Return tags of jobs that the caller sees which begin so, the most used first."""
        caller.must(Right.JOBS_READ)
        return await self._completion.tags(caller.sees, begun)
