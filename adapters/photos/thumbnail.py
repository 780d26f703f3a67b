"""Thumbnail: a small upright copy that carries nothing but pixels."""

from io import BytesIO

from PIL import Image

LONGER_SIDE_PX = 480


def thumbnail(work: Image.Image) -> bytes:
    """Return a WebP of at most 480 px on its longer side, without EXIF, XMP or colour profile."""
    small = work.copy()
    small.thumbnail((LONGER_SIDE_PX, LONGER_SIDE_PX), Image.Resampling.BICUBIC)
    out = BytesIO()
    small.save(out, "WEBP", quality=80, method=2, exif=b"", xmp=b"", icc_profile=None)
    return out.getvalue()
