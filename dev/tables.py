"""The inventory result as tables for a terminal."""

from collections.abc import Iterator, Sequence
from itertools import islice

from rich.console import Group, RenderableType
from rich.table import Table

from contracts.photos import BatchCounts, PhotoAnalysis, PhotoReading, PhotoResult

TEXT_SHOWN = 3


def inventory(result: PhotoResult, names: Sequence[str]) -> RenderableType:
    """Return everything a person wants to see of a batch. `names`: in the order of the request."""
    return Group(
        f"\nPhotos: {result.summary}", _photos(result, names),
        f"\nItems: {len(result.items)}", *([_items(result, names)] if result.items else ()),
        "\nBatch", _counts(result.counts),
        *_review(result, names),
    )  # fmt: skip


def _photos(result: PhotoResult, names: Sequence[str]) -> Table:
    table = Table(show_lines=True)
    for column in ("photo", "codes", "SKU, price", "text", "quality", "size", "notes"):
        table.add_column(column, overflow="fold")
    for photo in result.photos:
        table.add_row(names[photo.index], *_read(photo.analysis), "\n".join(_notes(photo, names)))
    return table


def _read(found: PhotoAnalysis | None) -> tuple[str, str, str, str, str]:
    if found is None:
        return ("-",) * 5
    return (
        "\n".join(f"{code.format} {code.ean or code.value}" for code in found.codes),
        "\n".join((*found.skus, *found.prices)),
        "\n".join(line.text for line in islice(found.text, TEXT_SHOWN)) + _more(len(found.text) - TEXT_SHOWN),
        "\n".join(_quality(found)),
        f"{found.width_px} x {found.height_px}\n{found.format}",
    )


def _more(lines: int) -> str:
    return f"\n… {lines} more" if lines > 0 else ""


def _quality(found: PhotoAnalysis) -> Iterator[str]:
    yield f"{'blurred' if found.quality.blurred else 'sharp'} ({found.quality.sharpness:.0f})"
    if found.quality.exposure != "ok":
        yield found.quality.exposure


def _notes(photo: PhotoReading, names: Sequence[str]) -> Iterator[str]:
    if photo.problem:
        yield f"{photo.problem.code}: {photo.problem.message}"
    if photo.duplicate_of is not None:
        yield f"same scene as {names[photo.duplicate_of]}"
    if photo.analysis and photo.analysis.rotated:
        yield "turned upright"
    if photo.analysis and (photo.analysis.gps or photo.analysis.gps_removed):
        yield "tells where it was taken" + (", which was left out" if photo.analysis.gps_removed else "")


def _items(result: PhotoResult, names: Sequence[str]) -> Table:
    table = Table()
    for column in ("item", "EAN", "SKU", "label", "prices", "photos"):
        table.add_column(column, overflow="fold")
    for item in result.items:
        photos = ", ".join(names[index] for index in item.photos)
        table.add_row(item.key, item.ean, item.sku, item.label, ", ".join(item.prices), photos)
    return table


def _counts(counts: BatchCounts) -> Table:
    table = Table()
    for name in type(counts).model_fields:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(str(value) for _, value in counts))
    return table


def _review(result: PhotoResult, names: Sequence[str]) -> Iterator[RenderableType]:
    wanted = [photo for photo in result.photos if photo.review]
    if wanted:
        yield f"\nNeeds a human look: {len(wanted)}"
        table = Table()
        table.add_column("photo")
        table.add_column("because", overflow="fold")
        for photo in wanted:
            table.add_row(names[photo.index], "; ".join(photo.review))
        yield table
