"""Labelled photos of varied difficulty: drawn from a seed, each with what is truly on it.

The same seed and count draw the same photos, and a smaller set is no part of a larger one. They are drawn, not taken:
real shops are worse in ways that nobody has drawn here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from PIL import Image

from adapters.photos.labels import price_of
from contracts.inventory import Product as Known
from examples import scenes
from examples.scenes import HEIGHT, WIDTH, Picture, Product

PRODUCTS = tuple(number for number in range(56) if number < 10 or number % 5 != 2)
"""Those with names of their own, but for those whose price is wider than their label."""
COUNT = 150
EVERY = 10
"""Of so many photos one is a duplicate, one shows nothing, two are dashboards, two shelves and four single labels."""


@dataclass(frozen=True)
class Camera:
    """How bad a photo is."""

    name: str
    degrees: float
    tilt_px: float
    """How far a corner may be off in perspective."""
    softness_px: float
    noise: float
    light: tuple[float, float]
    width_px: int
    quality: int
    turned: bool = False
    """May lie on its side or upside down."""
    glare: bool = False


CAMERAS = (
    Camera("easy", 2, 10, 0.7, 4, (0.85, 1.1), 1600, 90),
    Camera("fair", 9, 60, 1.2, 9, (0.45, 1.2), 1280, 75),
    Camera("hard", 25, 140, 1.9, 16, (0.2, 1.45), 1024, 50, turned=True, glare=True),
)


@dataclass(frozen=True)
class Labelled:
    """One photo and what is on it."""

    name: str
    difficulty: str
    data: bytes
    codes: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    prices: frozenset[int] = frozenset()
    """In hundredths."""
    products: frozenset[str] = frozenset()
    """Ids in the catalogue."""
    odometer: float | None = None
    duplicate_of: str | None = None


def catalogue() -> list[Known]:
    """Return the shop's products, as a caller would give them."""
    return [Known(id=f"p{one.number}", title=one.name, sku=one.sku, barcode=one.ean) for one in map(Product, PRODUCTS)]


def labelled(count: int = COUNT, seed: int = 7) -> Iterator[Labelled]:
    """Yield the photos, a third of each difficulty."""
    singles: dict[str, tuple[Labelled, Picture]] = {}
    for number in range(count):
        rng, camera = default_rng([seed, count, number]), CAMERAS[number % len(CAMERAS)]
        turn = number // len(CAMERAS) % EVERY
        name = f"{number:03d}-{camera.name}"
        if turn == EVERY - 1 and camera.name in singles:
            yield _again(name, *singles[camera.name], rng)
        elif turn == 8:
            yield Labelled(name, camera.name, _jpeg(_nothing(rng), camera))
        elif turn in {3, 6}:
            yield _dashboard(name, camera, rng)
        elif turn in {2, 5}:
            yield _shelf(name, camera, rng)
        else:
            photo, picture = _single(name, camera, rng)
            singles[camera.name] = photo, picture
            yield photo


def _single(name: str, camera: Camera, rng: Generator) -> tuple[Labelled, Picture]:
    product = Product(int(rng.choice(PRODUCTS)))
    kind = int(rng.integers(3))
    link = f"https://shop.example/p/{product.sku}"
    thing = (
        scenes.shelf_label(product) if kind == 0 else scenes.box(product, _tint(rng)) if kind == 1
        else scenes.price_tag(product, link)
    )  # fmt: skip
    picture = _taken(_laid(scenes.shelf(rng), [thing], camera, rng), camera, rng)
    truth = _truth(name, camera, [product], {link} if kind == 2 else {product.ean})
    return replace(truth, data=_jpeg(picture, camera)), picture


def _shelf(name: str, camera: Camera, rng: Generator) -> Labelled:
    numbers = rng.choice(PRODUCTS, int(rng.integers(2, 7)), replace=False)
    products = [Product(int(number)) for number in numbers]
    picture = _taken(_laid(scenes.shelf(rng), [scenes.shelf_label(one) for one in products], camera, rng), camera, rng)
    truth = _truth(name, camera, products, {one.ean for one in products})
    return replace(truth, data=_jpeg(picture, camera))


def _truth(name: str, camera: Camera, products: Sequence[Product], codes: set[str]) -> Labelled:
    prices = (price_of(one.price) for one in products)
    return Labelled(
        name,
        camera.name,
        b"",
        codes=frozenset(codes),
        strings=frozenset(text for one in products for text in (one.name, one.sku)),
        prices=frozenset(price.amount_minor for price in prices if price),
        products=frozenset(f"p{one.number}" for one in products),
    )


def _dashboard(name: str, camera: Camera, rng: Generator) -> Labelled:
    """Draw a dashboard with an odometer, and numbers that are none: speed, trip, clock, temperature, range."""
    value = int(rng.integers(1200, 350_000))
    panel: Picture = np.full((700, 1200, 3), tuple(int(part) for part in rng.integers(8, 50, 3)), np.uint8)
    lit = (int(rng.integers(150, 255)), int(rng.integers(200, 255)), int(rng.integers(200, 255)))
    form = int(rng.integers(4))
    shown = (f"ODO {value} km", f"{value:06d} km", f"{value:,} mi", f"{value} miles")[form]
    for text, left, baseline, size in (
        (shown, 320, 420, 84),
        (f"{int(rng.integers(30, 130))} km/h", 420, 230, 110),
        (f"TRIP A {rng.uniform(10, 900):.1f}", 380, 560, 56),
        (f"{int(rng.integers(24)):02d}:{int(rng.integers(60)):02d}", 60, 100, 60),
        (f"{int(rng.integers(-9, 35))}°C", 960, 100, 60),
        (f"RANGE {int(rng.integers(100, 999))}", 60, 650, 50),
    ):
        scenes.write(panel, text, left, baseline, size, lit)
    picture = _taken(_laid(scenes.shelf(rng), [panel], camera, rng), camera, rng)
    return Labelled(name, camera.name, _jpeg(picture, camera), odometer=float(value))


def _nothing(rng: Generator) -> Picture:
    """Draw what cannot be read: goods without a label, darkness, or a label out of all focus."""
    kind = int(rng.integers(3))
    if kind == 0:
        return scenes.photograph(scenes.shelf(rng), rng)
    scene = scenes.place(scenes.shelf(rng), scenes.shelf_label(Product(int(rng.choice(PRODUCTS)))), rng)
    return scenes.photograph(scene, rng, light=0.01 if kind == 1 else 1.0, softness_px=0.7 if kind == 1 else 22)


def _again(name: str, before: Labelled, picture: Picture, rng: Generator) -> Labelled:
    """Take the same picture once more: compressed harder, brighter or darker, a little cropped, or smaller."""
    kind = int(rng.integers(4))
    height, width = picture.shape[:2]
    if kind == 1:
        picture = cv2.convertScaleAbs(picture, alpha=float(rng.uniform(0.8, 1.15)), beta=5).astype(np.uint8)
    elif kind == 2:
        edge = int(0.015 * width)
        picture = np.ascontiguousarray(picture[edge : height - edge, edge : width - edge])
    elif kind == 3:
        picture = cv2.resize(picture, (width * 3 // 4, height * 3 // 4), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return replace(before, name=name, data=_encoded(picture, 40), duplicate_of=before.name)


def _laid(scene: Picture, things: Sequence[Picture], camera: Camera, rng: Generator) -> Picture:
    """Lay things side by side into the scene, turned and in perspective as this camera sees them."""
    columns = 1 if len(things) == 1 else 2 if len(things) < 5 else 3
    rows = -(-len(things) // columns)
    card: Picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    seen: Picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place, thing in enumerate(things):
        room = (WIDTH // columns, HEIGHT // rows)
        scale = min(0.9 * room[0] / thing.shape[1], 0.9 * room[1] / thing.shape[0])
        size = (int(thing.shape[1] * scale), int(thing.shape[0] * scale))
        left = place % columns * room[0] + (room[0] - size[0]) // 2
        top = place // columns * room[1] + (room[1] - size[1]) // 2
        card[top : top + size[1], left : left + size[0]] = cv2.resize(thing, size, interpolation=cv2.INTER_AREA)
        seen[top : top + size[1], left : left + size[0]] = 255
    warp = _warp(camera, rng)
    laid = cv2.warpPerspective(card, warp, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(seen, warp, (WIDTH, HEIGHT))
    return np.where(mask[:, :, None] > 127, laid, scene).astype(np.uint8)


def _warp(camera: Camera, rng: Generator) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    turn = np.deg2rad(rng.uniform(-camera.degrees, camera.degrees))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (corners - corners.mean(axis=0)) @ spin.T
    moved += rng.uniform(-camera.tilt_px, camera.tilt_px, (4, 2))
    room = np.abs(moved).max(axis=0)
    moved = moved * min(WIDTH / 2 / room[0], HEIGHT / 2 / room[1], 1.0) * 0.97 + corners.mean(axis=0)
    return np.asarray(cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), np.float64)


def _taken(scene: Picture, camera: Camera, rng: Generator) -> Picture:
    if camera.glare and rng.random() < 0.5:
        scene = _glare(scene, rng)
    height = camera.width_px * HEIGHT // WIDTH
    small = cv2.resize(scene, (camera.width_px, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    lit = scenes.photograph(small, rng, light=float(rng.uniform(*camera.light)), softness_px=camera.softness_px)
    noise = rng.standard_normal(lit.shape[:2], dtype=np.float32)[:, :, None] * np.float32(camera.noise)
    noisy: Picture = (lit.astype(np.float32) + noise).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(noisy, int(rng.integers(4)))) if camera.turned else noisy


def _glare(scene: Picture, rng: Generator) -> Picture:
    spot: Picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
    cv2.circle(spot, middle, int(rng.integers(60, 160)), 255, -1)
    light = cv2.GaussianBlur(spot, (0, 0), 40)[:, :, None].astype(np.uint16)
    return (scene.astype(np.uint16) + light).clip(0, 255).astype(np.uint8)


def _tint(rng: Generator) -> scenes.Colour:
    red, green, blue = (int(part) for part in rng.integers(20, 140, 3))
    return red, green, blue


def _jpeg(picture: Picture, camera: Camera) -> bytes:
    return _encoded(picture, camera.quality)


def _encoded(picture: Picture, quality: int) -> bytes:
    out = BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()
