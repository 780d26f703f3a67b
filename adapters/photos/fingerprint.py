"""Fingerprint: a number that stays nearly the same when a photo is compressed, brightened or slightly cropped."""

import imagehash
from PIL import Image


def fingerprint(work: Image.Image) -> str:
    """Return the 256-bit perceptual hash of an upright picture, as 64 hex characters; compare by differing bits."""
    return str(imagehash.phash(work, hash_size=16))
