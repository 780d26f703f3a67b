"""What calls to AI models took: one line each, kept when their job is cleaned away."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class ModelCallRow(Base):
    """One call to a model, in a state of `contracts/generation_ports.py`. `cost_micros`: millionths of a dollar."""

    __tablename__ = "model_calls"
    __table_args__ = (Index(None, "tenant_id", "at"), Index(None, "job_id"), Index(None, "at"))

    key: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str]
    tenant_id: Mapped[str]
    generation_type: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    at: Mapped[datetime]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
