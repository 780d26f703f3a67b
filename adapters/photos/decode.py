"""Decode: bytes to an upright picture, or the problem with them.

Size is judged from the header, before a pixel is decoded; Pillow's own bomb limit is switched off for ours, which
names the size. LOAD_TRUNCATED_IMAGES stays off: half a photo is not a photo.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from contracts.images import HEAD_BYTES, sniff
from contracts.photos import PhotoProblem

MAX_PIXELS = 100_000_000
WORK_PX = 1600
"""Longer side of the picture that is read: bar codes and 12 px print are still whole on it (measured)."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None


class Unreadable(Exception):  # noqa: N818  an outcome of looking at a file, not a fault of ours
    """The bytes are no readable picture; `problem` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = PhotoProblem(code=code, message=message)


@dataclass(frozen=True)
class Photo:
    """A decoded picture. Sizes are of the upright original; `work`: RGB, upright, longer side at most 1600 px."""

    data: bytes
    format: str
    width_px: int
    height_px: int
    orientation: int
    exif: Image.Exif
    work: Image.Image

    @property
    def scale(self) -> float:
        """Original pixels per pixel of `work`; 1 or more."""
        return max(self.width_px, self.height_px) / max(self.work.size)

    def grey(self, longest_px: int) -> NDArray[np.uint8]:
        """Decode the original again and return it as (height, width) uint8, upright, no longer side above the limit."""
        image = _open(self.data)
        return np.array(_upright(_shrunk(image, longest_px, "L"), self.orientation))


def decode(data: bytes) -> Photo:
    """Return the first picture in the bytes, turned upright by its EXIF orientation.

    Raises:
        Unreadable: not_an_image, too_many_pixels or damaged.
    """
    media_type = sniff(data[:HEAD_BYTES])
    if media_type is None:
        kind = "an empty file" if not data else "not a JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC or AVIF file"
        raise Unreadable("not_an_image", kind)
    try:
        return _decoded(data)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise nearly anything on hostile bytes
        message = f"the {media_type} file is cut short or damaged"
        raise Unreadable("damaged", message) from error


def _decoded(data: bytes) -> Photo:
    image = _open(data)
    width, height = image.size
    if width * height > MAX_PIXELS:
        size = f"{width} x {height} pixels are more than {MAX_PIXELS // 1_000_000} million"
        raise Unreadable("too_many_pixels", size)
    work = _shrunk(image, WORK_PX, "RGB")
    exif, orientation = _exif(image)
    if orientation >= 5:
        width, height = height, width
    name = {"MPO": "JPEG"}.get(image.format or "", image.format or "")
    return Photo(data, name, width, height, orientation, exif, _upright(work, orientation))


def _open(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data), formats=_FORMATS)


def _exif(image: Image.Image) -> tuple[Image.Exif, int]:
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  a broken EXIF block raises nearly anything and says nothing about the picture
        return Image.Exif(), 1
    return exif, orientation if orientation in _UPRIGHT else 1


def _shrunk(image: Image.Image, longest_px: int, mode: str) -> Image.Image:
    """Decode at no more than about twice the size needed (a JPEG can), then shrink; never enlarge."""
    share = min(1.0, longest_px / max(image.size))
    size = (max(1, round(image.size[0] * share)), max(1, round(image.size[1] * share)))
    image.draft(mode, size)
    plain = _opaque(image).convert(mode)
    return plain if plain.size == size else plain.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _opaque(image: Image.Image) -> Image.Image:
    """Return the picture as RGB or grey: 16-bit grey scaled to 8, and what is see-through laid on white paper."""
    if image.mode in {"L", "RGB"} and "transparency" not in image.info:
        image.load()
        return image
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    image.info = {}
    return image if turn is None else image.transpose(turn)
