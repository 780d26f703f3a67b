"""Uploads: files that jobs name later."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.context import Here, Key, Who
from api.identity import Right
from api.uploads import Shown, Upload

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


PhotoId = Annotated[str, Path(alias="uploadId", max_length=300, description="or the `sha256` of a photo by URL")]


def _image(media_type: str) -> dict[str, Any]:
    """Describe an answer that is an image."""
    return {"response_class": Response, "responses": {200: {"content": {media_type: {}}}}}


@router.get("/{uploadId}/thumbnail", summary="Look at a photo, small", **_image("image/webp"))
async def thumbnail(photo_id: PhotoId, here: Here, who: Who) -> Response:
    """Return a photo that a job has read: upright, 480 px at most on its longer side, and without metadata."""
    return _shown(await here.uploads.thumbnail(who, photo_id))


@router.get("/{uploadId}/picture", summary="Look at a photo", **_image("image/jpeg"))
async def picture(photo_id: PhotoId, here: Here, who: Who) -> Response:
    """Return a photo that a job has read: upright, 1600 px at most on its longer side, and without metadata.

    What was uploaded is kept as it came, and given to nobody: it may say where and with what it was taken.
    """
    return _shown(await here.uploads.picture(who, photo_id))


def _shown(image: Shown) -> Response:
    return Response(image.data, media_type=image.media_type, headers={"Cache-Control": "private, max-age=86400"})
