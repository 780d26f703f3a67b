"""Copies: pictures for elsewhere, upright, of no more bytes than they take there, with nothing in them but pixels."""

from io import BytesIO

from PIL import Image

from adapters.photos.decode import Unreadable, decode
from contracts.social_ports import PostPicture

QUALITIES = (90, 80, 70, 55)
SMALLER = 0.75
LEAST_PX = 64


def copy_of(image: bytes, most_bytes: int, longest_px: int) -> PostPicture | str:
    """Return a JPEG without EXIF, XMP or colour profile; in words why there is none.

    One that has too many bytes is made again with a lower quality, then smaller: the same image gives the same copy.
    """
    try:
        work = decode(image).work
    except Unreadable as error:
        return error.problem.message
    work.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
    while True:
        for quality in QUALITIES:
            out = BytesIO()
            work.save(out, "JPEG", quality=quality)
            if out.tell() <= most_bytes:
                return PostPicture(out.getvalue(), *work.size)
        if max(work.size) <= LEAST_PX:
            return f"no copy of it has {most_bytes} bytes or fewer"
        width, height = (max(1, round(SMALLER * side)) for side in work.size)
        work = work.resize((width, height), Image.Resampling.BICUBIC)
