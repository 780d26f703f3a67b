"""Quality: is a photo sharp and well lit. Measured on the luma, so colour plays no part."""

import cv2
import numpy as np
from PIL import Image

from contracts.photos import Quality

LONGER_SIDE_PX = 1024
BLURRED_BELOW = 10.0
"""Measured on labels put out of focus step by step: bar codes end near 20, 12 px print near 10, large print near 2."""
LEAST_RANGE = 96.0
"""Contrast is evened to 255 at most 2.7-fold; more would make a dark photo's noise look like detail."""
DARK_BELOW, BRIGHT_ABOVE = 0.35, 0.65


def assess(work: Image.Image) -> Quality:
    """Return how sharp and how well lit a picture is.

    Sharpness is the variance of the Laplacian after a Gaussian of 1 px and with contrast evened: without the first,
    sensor noise of 4 levels alone measures 60; without the second, every dark photo looks blurred.
    Dark: even its lightest half percent is; bright: even its darkest half percent is.
    """
    share = min(1.0, LONGER_SIDE_PX / max(work.size))
    size = (max(1, round(work.width * share)), max(1, round(work.height * share)))
    luma = np.asarray(work.convert("L").resize(size, Image.Resampling.BOX), np.float32)
    darkest, low, high, lightest = np.percentile(luma, (0.5, 1, 99, 99.5))
    evened = cv2.GaussianBlur(luma, (0, 0), 1.0) * np.float32(255 / max(high - low, LEAST_RANGE))
    sharpness = float(cv2.Laplacian(evened, cv2.CV_32F).var())
    return Quality(
        sharpness=round(sharpness, 1),
        blurred=sharpness < BLURRED_BELOW,
        brightness=round(float(luma.mean()) / 255, 3),
        contrast=round(float(luma.std()) / 255, 3),
        exposure="dark" if lightest < DARK_BELOW * 255 else "bright" if darkest > BRIGHT_ABOVE * 255 else "ok",
    )
