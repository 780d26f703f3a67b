"""What every table shares: names of constraints, column types, the schema."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase

from readmodel.columns import CleanText, UtcInstant

SCHEMA = "spaces_queue"
"""Where the tables live on PostgreSQL. A neighbour in the same database drops foreign tables in `public`."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column of exactly the type INTEGER."""


class Base(DeclarativeBase):
    """What every table shares: names of constraints, and the column type of each Python type."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: CleanText,
        datetime: UtcInstant,
        list[str]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        dict[str, Any]: JSON(none_as_null=True),
    }
