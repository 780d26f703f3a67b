"""Persons: what a tenant's jobs say of one, removed."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.context import Here, Key, Who
from contracts.persons import PersonErasure, PersonRequest

router = APIRouter(prefix="/v1/pii", tags=["tenants"])


@router.post("/erase", status_code=202, summary="Have a person forgotten")
async def erase(body: PersonRequest, here: Here, who: Who, key: Key) -> PersonErasure:
    """Remove what the ended jobs of one tenant say of a person, and their files. It cannot be undone."""
    return await here.persons.erase(who, body, key)


@router.get("/erase/{id}", summary="How far a person is forgotten")
async def order(order_id: Annotated[str, Path(alias="id", max_length=200)], here: Here, who: Who) -> PersonErasure:
    """Return the order; `removed` says how much, once it is done."""
    return await here.persons.find(who, order_id)
