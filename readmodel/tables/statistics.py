"""Roll-ups: counts of ended jobs per minute, per day and in all, so that no figure has to read the history."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class JobCountRow(Base):
    """Jobs that ended in one stretch of time; sums in milliseconds.

    `grain`: `minute` (kept two days), `hour` (made of those), `day`, or `total` for all time, which stands at the
    beginning of 1970.
    """

    __tablename__ = "job_counts"

    grain: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    job_type: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    wait_ms: Mapped[int] = mapped_column(BigInteger)
    run_ms: Mapped[int] = mapped_column(BigInteger)


class JobDurationRow(Base):
    """How many of the jobs that ended in one stretch of time waited, or ran, about so long (see `bucket`).

    `grain`: `minute`, `hour` or `day`. `measure`: `wait` or `run`. `bucket`: a step of a logarithmic scale of
    milliseconds.
    """

    __tablename__ = "job_durations"

    grain: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    job_type: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class DayDurationRow(Base):
    """The same of one day (UTC) and all tenants: what would be summed of a row for each of them."""

    __tablename__ = "day_durations"

    at: Mapped[datetime] = mapped_column(primary_key=True)
    job_type: Mapped[str] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
