"""The codec server of the Temporal Web UI and CLI: `--codec-endpoint …/v1/codec --codec-auth "Bearer <key>"`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from api.context import Here, Who

router = APIRouter(prefix="/v1/codec", tags=["codec"])

PayloadsBody = Annotated[
    dict[str, Any], Body(examples=[{"payloads": [{"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}, "data": "…"}]}])
]


@router.post("/decode", summary="Decrypt payloads")
async def decode(body: PayloadsBody, here: Here, who: Who, response: Response) -> dict[str, Any]:
    """Return the payloads in the clear; those of other tenants stay as they came. Needs `payloads:read`."""
    response.headers["Cache-Control"] = "no-store"
    return await here.codec.decode(who, body)


@router.post("/encode", summary="Encrypt payloads")
async def encode(body: PayloadsBody, here: Here, who: Who) -> dict[str, Any]:
    """Return the payloads under the tenant's key, or the platform's. Needs `payloads:read`."""
    return await here.codec.encode(who, body)
