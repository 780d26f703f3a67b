"""Sample photos: a batch of shop photos with real content, and the truth about each.

    python -m examples.photos FOLDER --count 40

Deterministic: the same count writes the same bytes. `truth.json` beside the photos says what is on each.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from PIL import Image

from examples import scenes
from examples.scenes import Picture, Product

TRUTH = "truth.json"
CAMERA = ("Acme", "Pocket 7")
TAKEN = "2026:11:20 09:41:07"
PLACE = ((52.0, 31.0, 12.0), "N", (13.0, 24.0, 18.0), "E")
LINK = "https://shop.example/p/"


@dataclass(frozen=True)
class Truth:
    """What is truly on one sample photo; what is not on it is `None`."""

    file: str
    name: str | None = None
    sku: str | None = None
    price: str | None = None
    ean: str | None = None
    qr: str | None = None
    kilometres: str | None = None
    duplicate_of: str | None = None
    upright_size: tuple[int, int] = (scenes.WIDTH, scenes.HEIGHT)
    blurred: bool = False
    dark: bool = False
    rotated: bool = False
    damaged: bool = False


def make_batch(folder: Path, count: int | None = None) -> list[Path]:
    """Write a sample batch into the folder (made when missing) and return its photos in order.

    Without a count: 14 photos, one for each thing that happens to shop photos. With one: that many sharp photos,
    each of another product. `truth.json` is written beside them; a second run writes the same files again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truths = []
    for truth, data in _mixed() if count is None else _distinct(count):
        (folder / truth.file).write_bytes(data)
        truths.append(truth)
    (folder / TRUTH).write_text(json.dumps([asdict(truth) for truth in truths], indent=1, ensure_ascii=False))
    return [folder / truth.file for truth in truths]


def truth_of(folder: Path) -> list[Truth]:
    """Return what `make_batch` wrote into the folder, in the order of the photos."""
    rows = json.loads((folder / TRUTH).read_text())
    return [Truth(**{**row, "upright_size": tuple(row["upright_size"])}) for row in rows]


def _distinct(count: int) -> Iterator[tuple[Truth, bytes]]:
    for number in range(count):
        product = Product(number)
        yield _truth(f"{number:03d}-{product.sku}.jpg", product), _jpeg(_seen(product))


def _mixed() -> Iterator[tuple[Truth, bytes]]:
    label, front, upright = _seen(Product(0)), _seen(Product(1)), _seen(Product(7))
    yield _truth("01-label.jpg", Product(0)), _jpeg(label)
    yield _truth("02-box.jpg", Product(1)), _jpeg(front)
    yield _truth("03-label.jpg", Product(2)), _jpeg(_seen(Product(2)))
    yield _tag(Product(3))
    yield _truth("05-label-again.jpg", Product(0), duplicate_of="01-label.jpg"), _jpeg(label, quality=35)
    yield _cropped(front)
    yield _truth("07-blurred.jpg", None, blurred=True), _jpeg(_seen(Product(5), softness_px=12))
    yield _truth("08-dark.jpg", Product(6), dark=True), _jpeg(_seen(Product(6), light=0.16))
    yield _truth("09-sideways.jpg", Product(7), rotated=True), _sideways(upright)
    yield _truth("10-tilted.jpg", Product(8)), _jpeg(_seen(Product(8), degrees=7.0))
    yield Truth("11-odometer.jpg", kilometres="048213"), _jpeg(scenes.odometer(48213, default_rng(11)))
    yield Truth("12-damaged.jpg", damaged=True), _jpeg(_seen(Product(9)))[:60_000]
    yield _truth("13-box.png", Product(10)), _encoded(_seen(Product(10)), "PNG")
    yield Truth("14-shelf.jpg", blurred=True), _jpeg(scenes.photograph(scenes.shelf(default_rng(14)), default_rng(14)))


def _truth(file: str, product: Product | None, **more: str | bool) -> Truth:
    known = {key: getattr(product, key) for key in ("name", "sku", "price", "ean")} if product else {}
    return Truth(file, **known, **more)  # type: ignore[arg-type]  # the keys are Truth's own


def _seen(product: Product, degrees: float = 0.0, light: float = 1.0, softness_px: float = 0.7) -> Picture:
    rng = default_rng(1000 + product.number)
    scene = scenes.shelf(rng)
    thing = scenes.box(product, _tint(rng)) if product.number % 2 else scenes.shelf_label(product)
    return scenes.photograph(scenes.place(scene, thing, rng, degrees), rng, light, softness_px)


def _tint(rng: Generator) -> scenes.Colour:
    red, green, blue = (int(part) for part in rng.integers(20, 140, 3))
    return red, green, blue


def _tag(product: Product) -> tuple[Truth, bytes]:
    rng, link = default_rng(4), f"{LINK}{product.sku}"
    seen = scenes.photograph(scenes.place(scenes.shelf(rng), scenes.price_tag(product, link), rng), rng)
    return Truth("04-tag.jpg", name=product.name, sku=product.sku, price=product.price, qr=link), _jpeg(seen)


def _cropped(front: Picture) -> tuple[Truth, bytes]:
    part = np.clip(front[20:-24, 30:-26].astype(np.float32) * 1.12 + 6, 0, 255).astype(np.uint8)
    size = (part.shape[1], part.shape[0])
    return _truth("06-box-again.jpg", Product(1), duplicate_of="02-box.jpg", upright_size=size), _jpeg(part)  # type: ignore[arg-type]  # a field of Truth


def _sideways(upright: Picture) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = *CAMERA, 6
    exif.get_ifd(0x8769).update({0x9003: TAKEN, 0x9011: "+01:00"})
    exif.get_ifd(0x8825).update({1: PLACE[1], 2: PLACE[0], 3: PLACE[3], 4: PLACE[2]})
    return _encoded(np.rot90(upright), "JPEG", quality=88, exif=exif)


def _jpeg(picture: Picture, quality: int = 88) -> bytes:
    return _encoded(picture, "JPEG", quality=quality)


def _encoded(picture: Picture, form: str, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(picture).save(out, form, **options)
    return out.getvalue()


def main() -> None:
    """Write a batch from the command line and name its files."""
    parser = argparse.ArgumentParser(prog="python -m examples.photos", description="Write sample shop photos.")
    parser.add_argument("folder", type=Path, help="where to write them; made when missing")
    parser.add_argument("--count", type=int, help="this many distinct products; without it, a mixed batch of 14")
    chosen = parser.parse_args()
    for path in make_batch(chosen.folder, chosen.count):
        print(path)


if __name__ == "__main__":
    main()
