"""What is remembered of feeds, and whose turn it is at the servers they come from."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class KeptFeedRow(Base):
    """One feed of one tenant. `id`: hash of tenant and address. `feed` is sealed."""

    __tablename__ = "kept_feeds"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(index=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)
    feed: Mapped[str]


class HostTurnRow(Base):
    """A server. `next_at`: from when on it may be asked again, in seconds since 1970."""

    __tablename__ = "host_turns"

    host: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[float] = mapped_column(index=True)
