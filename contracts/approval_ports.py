"""Ports of approvals."""

from typing import Protocol

from contracts.approvals import ApprovalAsk, ApprovalEnd


class ApprovalBook(Protocol):
    """Keeps the latest approval of each job that asked for one. Every method bears a repeat.

    Every method raises `Unavailable` when the database did not answer.
    """

    async def ask(self, asked: ApprovalAsk) -> None:
        """Write an asking in the place of an earlier one of the same job; one with the same number stays as it is."""

    async def end(self, ended: ApprovalEnd) -> None:
        """Write how an asking ended; one that has ended, or was followed by another one, stays as it is."""
