"""Scenes: drawn products, labels and a dashboard that look like photographs.

Everything comes from the seed in `rng`: the same seed draws the same pixels.
Pictures are (height, width, 3) uint8, RGB.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 1600, 1200
INK: Colour = (24, 22, 20)
_KINDS = (
    "Green Tea",
    "Olive Oil",
    "Cactus Soil",
    "Oat Biscuits",
    "Hand Soap",
    "Garden Twine",
    "Dark Chocolate",
    "Candle",
)
_MAKERS = ("Alder", "Birch", "Cedar", "Dahlia", "Elm", "Fern", "Ginkgo")
_PRICES = ("€ {0},{1:02d}", "{0},{1:02d} €", "{0}.{1:02d} EUR", "${0}.{1:02d}", "£{0}.{1:02d}")
_SKU_LABELS = ("SKU: {}", "Art.-Nr. {}", "Item no. {}")


@dataclass(frozen=True)
class Product:
    """What is printed on one product: all of it follows from its number."""

    number: int

    @property
    def name(self) -> str:
        """A maker and a kind; different for the first 56 numbers."""
        return f"{_MAKERS[self.number % len(_MAKERS)]} {_KINDS[self.number % len(_KINDS)]}"

    @property
    def sku(self) -> str:
        """Its stock number."""
        return f"{self.name[0]}{self.name.split()[1][0]}-{1000 + 37 * self.number}"

    @property
    def sku_line(self) -> str:
        """Its stock number as printed, in one of three usual forms."""
        return _SKU_LABELS[self.number % len(_SKU_LABELS)].format(self.sku)

    @property
    def price(self) -> str:
        """Its price as printed, in one of five usual forms."""
        return _PRICES[self.number % len(_PRICES)].format(2 + self.number, (49 + 10 * self.number) % 100)

    @property
    def ean(self) -> str:
        """Its EAN-13, check digit included (GS1 General Specifications 7.9)."""
        digits = f"4006381{73 * self.number + 11:05d}"
        weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
        return f"{digits}{-weighted % 10}"


def write(
    picture: Picture, text: str, left: int, baseline: int, size: int, ink: Colour = INK, bold: bool = False
) -> None:
    """Write one line on the picture in OpenCV's built-in font, which knows the euro and pound signs."""
    font: Any = cv2.FontFace("sans" if bold else "uni")
    cv2.putText(picture, text, (left, baseline), ink, font, size, 700 if bold else 400)


def stamp(picture: Picture, mark: Picture, left: int, top: int) -> None:
    """Put a small picture on a larger one."""
    height, width = mark.shape[:2]
    picture[top : top + height, left : left + width] = mark


def code(content: str, form: str, scale: int) -> Picture:
    """Draw a barcode or QR code with its quiet zone, and the digits under a barcode."""
    made = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, form))
    grey = np.array(zxingcpp.write_barcode_to_image(made, scale=scale, add_hrt=form != "QRCode"))
    drawn: Picture = np.repeat(grey[:, :, None], 3, axis=2)
    return drawn


def shelf(rng: Generator) -> Picture:
    """Draw a shelf out of focus: boards, and boxes of other goods."""
    small: Picture = np.full((HEIGHT // 4, WIDTH // 4, 3), _muted(rng, 90, 210), np.uint8)
    for _ in range(14):
        left, top = int(rng.integers(-25, WIDTH // 4)), int(rng.integers(-25, HEIGHT // 4))
        right, bottom = left + int(rng.integers(38, 125)), top + int(rng.integers(30, 105))
        cv2.rectangle(small, (left, top), (right, bottom), _muted(rng, 20, 240), -1)
    for level in (int(rng.integers(15, 75)), int(rng.integers(212, 275))):
        cv2.rectangle(small, (0, level), (WIDTH // 4, level + 10), _muted(rng, 60, 150), -1)
    out_of_focus = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.5), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return out_of_focus.astype(np.uint8)


def _muted(rng: Generator, darkest: int, brightest: int) -> Colour:
    red, green, blue = (rng.integers(darkest, brightest, 3) * 0.5 + rng.integers(darkest, brightest) * 0.5).astype(int)
    return int(red), int(green), int(blue)


def shelf_label(product: Product) -> Picture:
    """Draw a paper shelf label: name, price, stock number, barcode."""
    card: Picture = np.full((600, 1080, 3), (250, 248, 240), np.uint8)
    cv2.rectangle(card, (0, 0), (1080, 16), (200, 40, 40), -1)
    write(card, product.name, 40, 100, 64, bold=True)
    write(card, "500 g, keep dry and cool", 40, 156, 34)
    write(card, product.price, 560, 330, 104, bold=True)
    write(card, product.sku_line, 560, 420, 38)
    stamp(card, code(product.ean, "EAN13", 4), 40, 220)
    return card


def box(product: Product, tint: Colour) -> Picture:
    """Draw the front of a product's box: name, picture, weight, and a white sticker with the barcode."""
    front: Picture = np.full((900, 820, 3), tint, np.uint8)
    cv2.circle(front, (590, 330), 170, tuple(255 - part // 2 for part in tint), -1)
    cv2.ellipse(front, (590, 330), (110, 60), 30, 0, 360, tuple(part // 3 for part in tint), -1)
    for line, word in enumerate(product.name.split()):
        write(front, word, 50, 120 + 90 * line, 82, (255, 255, 255), bold=True)
    write(front, "Net weight 250 g", 50, 520, 40, (255, 255, 255))
    cv2.rectangle(front, (40, 570), (780, 870), (252, 252, 250), -1)
    write(front, product.price, 470, 660, 64, bold=True)
    write(front, product.sku_line, 470, 740, 30)
    stamp(front, code(product.ean, "EAN13", 3), 70, 620)
    return front


def price_tag(product: Product, link: str) -> Picture:
    """Draw a price tag with a QR code that holds the link."""
    card: Picture = np.full((560, 960, 3), (255, 236, 120), np.uint8)
    write(card, product.name, 40, 100, 60, bold=True)
    write(card, product.price, 40, 290, 120, bold=True)
    write(card, product.sku_line, 40, 480, 40)
    stamp(card, code(link, "QRCode", 9), 600, 180)
    return card


def odometer(kilometres: int, rng: Generator) -> Picture:
    """Draw a car's dashboard with a lit odometer."""
    picture: Picture = np.full((HEIGHT, WIDTH, 3), (46, 48, 54), np.uint8)
    for angle in range(135, 406, 15):
        turn = np.deg2rad(angle)
        ends = [(int(800 + reach * np.cos(turn)), int(560 + reach * np.sin(turn))) for reach in (430, 480)]
        cv2.line(picture, ends[0], ends[1], (225, 225, 215), 8, cv2.LINE_AA)
    cv2.line(picture, (800, 560), (520, 380), (220, 60, 40), 12, cv2.LINE_AA)
    cv2.rectangle(picture, (540, 720), (1060, 860), (18, 30, 34), -1)
    write(picture, f"{kilometres:06d} km", 580, 822, 88, (170, 240, 250))
    write(picture, "km/h", 730, 480, 54, (225, 225, 215))
    return photograph(picture, rng)


def place(scene: Picture, thing: Picture, rng: Generator, degrees: float = 0.0) -> Picture:
    """Lay a flat thing into the scene, a little out of square as a hand-held camera sees it, with its shadow."""
    height, width = thing.shape[:2]
    scale = min(0.92 * WIDTH / width, 0.92 * HEIGHT / height) * rng.uniform(0.82, 0.95)
    middle = np.array([WIDTH / 2 + rng.uniform(-40, 40), HEIGHT / 2 + rng.uniform(-25, 25)])
    turn = np.deg2rad(degrees + rng.uniform(-1.2, 1.2))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = ((corners - corners.mean(axis=0)) * scale) @ spin.T + middle + rng.uniform(-9, 9, (4, 2))
    warp = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    laid = cv2.warpPerspective(thing, warp, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    mask: Picture = cv2.warpPerspective(np.full((height, width), 255, np.uint8), warp, (WIDTH, HEIGHT)).astype(np.uint8)
    shaded = cv2.multiply(scene, cv2.merge([_light_beside(mask)] * 3), scale=1 / 255)
    cv2.copyTo(laid, mask, shaded)
    return shaded.astype(np.uint8)


def _light_beside(mask: Picture) -> Picture:
    small = cv2.resize(mask, (WIDTH // 4, HEIGHT // 4))
    shadow = cv2.GaussianBlur(np.roll(small, (5, 4), (0, 1)), (0, 0), 3.5)
    return cv2.resize(255 - (shadow * 0.55).astype(np.uint8), (WIDTH, HEIGHT)).astype(np.uint8)


def photograph(scene: Picture, rng: Generator, light: float = 1.0, softness_px: float = 0.7) -> Picture:
    """Return the scene as a camera gives it: lit from one side, darker in the corners, this soft, noisy."""
    height, width = scene.shape[:2]
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    side = rng.uniform(-0.14, 0.14, 2).astype(np.float32)
    lamp = np.float32(light) * (1 + side[0] * across + side[1] * down - np.float32(0.09) * (across**2 + down**2))
    noise = rng.standard_normal((height, width), dtype=np.float32) * np.float32(4.0)
    seen = cv2.multiply(cv2.GaussianBlur(scene, (0, 0), softness_px), cv2.merge([lamp] * 3), dtype=cv2.CV_32F)
    return cv2.add(seen, cv2.merge([noise] * 3), dtype=cv2.CV_8U).astype(np.uint8)
