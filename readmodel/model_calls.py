"""The book of what calls to AI models took."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select, update

from contracts.generation_ports import CallState, ModelCall
from contracts.generations import Used
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import ModelCallRow

COUNTED = ModelCallRow.state != CallState.FREE
"""Condition of lines that cost something."""


class ModelCalls:
    """A `UsageBook` over the read model.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, call: ModelCall) -> None:
        """Write a call's line, or how it ended; a line that has ended stays as it is."""
        values = call.model_dump() | {"state": call.state.value, "generation_type": call.generation_type.value}
        told = {name: values[name] for name in ("input_tokens", "output_tokens", "cost_micros", "state")}
        async with self._database.write() as connection:
            insert = insert_into(connection, ModelCallRow)
            still_open = ModelCallRow.state == CallState.OPEN
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_=told, where=still_open), values
            )

    async def lose(self, job_id: str, keys: str = "") -> None:
        """Note that the job's calls which are still open are lost; only those whose keys begin so."""
        still_open = update(ModelCallRow).where(*_calls(job_id, keys), ModelCallRow.state == CallState.OPEN)
        async with self._database.write() as connection:
            await connection.execute(still_open.values(state=CallState.LOST.value))

    async def of_job(self, job_id: str, keys: str = "") -> Used:
        """Return what all calls of a job took, lost ones too; only those whose keys begin so."""
        async with self._database.read() as connection:
            return used_of((await connection.execute(_sums().where(*_calls(job_id, keys)))).one())


def sums() -> Sequence[ColumnElement[Any]]:
    """Return what lines add up to, by the names of `Used`. Any: numbers of several kinds."""
    row = ModelCallRow
    lost = row.state == CallState.LOST
    return (
        func.count().label("calls"),
        func.coalesce(func.sum(row.input_tokens), 0).label("input_tokens"),
        func.coalesce(func.sum(row.output_tokens), 0).label("output_tokens"),
        func.coalesce(func.sum(row.cost_micros), 0).label("cost_micros"),
        func.coalesce(func.sum(case((row.cost_micros.is_(None), 1), else_=0)), 0).label("unpriced_calls"),
        func.coalesce(func.sum(case((lost, 1), else_=0)), 0).label("lost_calls"),
        func.coalesce(func.sum(case((lost, row.input_tokens + row.output_tokens), else_=0)), 0).label("lost_tokens"),
        func.coalesce(func.sum(case((lost, row.cost_micros), else_=0)), 0).label("lost_cost_micros"),
    )


def _calls(job_id: str, keys: str) -> Sequence[ColumnElement[bool]]:
    return (ModelCallRow.job_id == job_id, ModelCallRow.key.startswith(keys, autoescape=True))


def used_of(row: Row[Any]) -> Used:
    """Return what a row of `sums` says."""
    return Used(**{name: int(value) for name, value in row._mapping.items() if name in Used.model_fields})


def _sums() -> Select[Any]:
    return select(*sums()).where(COUNTED)
