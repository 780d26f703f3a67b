"""Uploads: files that jobs name later."""

from fastapi import APIRouter, Request, Response

from api.context import Here, Key, Who
from api.identity import Right
from api.uploads import Upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("", status_code=201, summary="Upload a file", openapi_extra=_BODY)
async def upload(request: Request, response: Response, here: Here, who: Who, key: Key) -> Upload:
    """Keep one image, as multipart form or raw body. Uploading the same bytes again gives the same `uploadId`."""
    who.must(Right.JOBS_SUBMIT)
    tenant_id = who.tenant_for(None)
    kept = await here.uploads.receive(tenant_id, request)
    if key and await here.remember(tenant_id, key, kept.sha256):
        response.headers["Idempotent-Replayed"] = "true"
    return kept
