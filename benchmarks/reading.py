"""How much of labelled photos is read, and how much that is not there. `python -m benchmarks.reading --help`"""

import argparse
import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.photos import LocalPhotoReader
from adapters.products.matcher import find
from benchmarks.labelled import COUNT, Labelled, catalogue, labelled
from contracts.inventory import SequenceType
from contracts.photos import PhotoAnalysis, PhotoInput, PhotoReading, PhotoRef
from contracts.ports import PhotoReader
from workflows.inventory import judged
from workflows.mileage import mileage_of
from workflows.sightings import sightings_on

MEASURES = ("barcodes", "strings", "prices", "products", "odometers", "duplicates")
ALL = "all"


@dataclass
class Score:
    """How many there are, how many of them were found, and how many were found that are not there."""

    there: int = 0
    found: int = 0
    false: int = 0

    def add(self, truth: Iterable[object], told: Iterable[object]) -> None:
        """Count one photo."""
        there, seen = set(truth), set(told)
        self.there += len(there)
        self.found += len(there & seen)
        self.false += len(seen - there)

    @property
    def share(self) -> float:
        """Of those there, how many were found; 1 when there are none."""
        return self.found / self.there if self.there else 1.0


Scores = dict[tuple[str, str], Score]
"""By measure and difficulty."""


async def scores(photos: Sequence[Labelled], reader: PhotoReader) -> Scores:
    """Read the photos as a job does, and compare with the truth."""
    reports = await asyncio.gather(*(reader.read(photo.data) for photo in photos))
    source = PhotoRef(upload_id="0" * 64)
    readings = [
        PhotoReading(index=at, source=source, analysis=report.analysis, problem=report.problem)
        for at, report in enumerate(reports)
    ]
    told: Scores = defaultdict(Score)
    products = _products(readings)
    for photo, reading in zip(photos, judged(readings), strict=True):
        original = None if reading.duplicate_of is None else photos[reading.duplicate_of]
        same = original and (original.duplicate_of or original.name)
        for group in (photo.difficulty, ALL):
            _compare(told, group, photo, reading.analysis)
            told["products", group].add(photo.products, products[reading.index])
            told["duplicates", group].add({photo.duplicate_of} - {None}, {same} - {None})
    return told


def _compare(told: Scores, group: str, photo: Labelled, found: PhotoAnalysis | None) -> None:
    text = " ".join(line.text for line in found.text) if found else ""
    told["barcodes", group].add(photo.codes, [code.ean or code.value for code in found.codes] if found else ())
    told["strings", group].add(photo.strings, [string for string in photo.strings if string in text])
    prices = [price.amount_minor for label in found.labels for price in label.prices] if found else []
    told["prices", group].add(photo.prices, prices)
    told["odometers", group].add({photo.odometer} - {None}, {_odometer(found)} - {None})


def _products(readings: Sequence[PhotoReading]) -> dict[int, set[str]]:
    """Return the products that each photo was found to show."""
    shop = catalogue()
    seen = sightings_on(readings)
    found: dict[int, set[str]] = defaultdict(set)
    for one, finding in zip(seen, find([one.label for one in seen], shop), strict=True):
        if finding.match:
            found[one.photo].add(shop[finding.match.product].id)
    return found


def _odometer(found: PhotoAnalysis | None) -> float | None:
    reading = PhotoReading(index=0, source=PhotoRef(upload_id="0" * 64), analysis=found)
    batch = PhotoInput(photos=(reading.source,), sequence_type=SequenceType.MILEAGE_LOG)
    return mileage_of(batch, [reading])[0].odometer_reading


def _drawn(count: int, seed: int, folder: Path | None) -> list[Labelled]:
    photos = list(labelled(count, seed))
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            (folder / f"{photo.name}.jpg").write_bytes(photo.data)
    return photos


async def measure(count: int, seed: int, folder: Path | None) -> None:
    """Draw the photos, read them, and print what was found."""
    photos = await asyncio.to_thread(_drawn, count, seed, folder)
    reader = LocalPhotoReader()
    try:
        await reader.warm_up()
        began = time.perf_counter()
        told = await scores(photos, reader)
        seconds = time.perf_counter() - began
    finally:
        await reader.close()
    print(f"{count} photos (seed {seed}) in {seconds:.0f} s on {os.cpu_count()} processors")
    groups = ("easy", "fair", "hard", ALL)
    print(f"{'found of there, false':22}" + "".join(f"{group:>22}" for group in groups))
    for name in MEASURES:
        cells = (told[name, group] for group in groups)
        print(f"{name:22}" + "".join(f"{_said(name, one):>22}" for one in cells))


def _said(name: str, one: Score) -> str:
    found = f"{one.found}/{one.there} {one.share:4.0%}"
    return found if name == "strings" else f"{found}, {one.false} false"  # only true strings are looked for


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Accuracy of reading drawn photos whose content is known.")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="write the photos into this folder as well")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.count, arguments.seed, arguments.keep))


if __name__ == "__main__":
    main()
