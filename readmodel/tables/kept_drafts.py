"""Texts and pictures of models that are given again for the very same order."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class KeptDraftRow(Base):
    """One of them. `id`: hash of what was asked, with the tenant in it. `draft` is sealed."""

    __tablename__ = "kept_drafts"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    draft: Mapped[str]
