"""What the demo reads from a stream and shows on a terminal."""

import pytest
from rich.console import Console

from contracts.photos import (
    BatchCounts,
    Code,
    InventoryItem,
    PhotoAnalysis,
    PhotoProblem,
    PhotoReading,
    PhotoRef,
    PhotoResult,
    Quality,
    TextLine,
)
from dev.client import Message, parse_message
from dev.supervisor import in_words, pause_before_start
from dev.tables import inventory


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["event: progress", "id: 7", 'data: {"done": 1}'], Message("progress", {"done": 1}, "7")),
        (['data:{"a":', "data: 1}"], Message("message", {"a": 1})),
        ([": still here"], None),
        (["retry: 1000"], None),
        ([], None),
    ],
)
def test_event_stream_lines_make_a_message(lines: list[str], message: Message | None) -> None:
    assert parse_message(lines) == message


def test_pause_grows_only_while_a_part_keeps_dying_young() -> None:
    assert [pause_before_start(deaths) for deaths in (0, 1, 2, 3, 20)] == [0.0, 0.2, 0.4, 0.8, 10.0]


def test_exit_codes_are_said_in_words() -> None:
    assert (in_words(-9), in_words(3)) == ("was ended by SIGKILL", "ended with exit code 3")


def test_inventory_shows_what_was_read_as_it_is() -> None:
    quality = Quality(sharpness=40, blurred=True, brightness=0.1, contrast=0.1, exposure="dark")
    read = PhotoAnalysis(
        format="JPEG", width_px=800, height_px=600, quality=quality, fingerprint="0" * 64,
        codes=(Code(format="EAN-13", value="4006381333931", ean="4006381333931"),),
        text=tuple(TextLine(text=text, confidence=0.9) for text in ("[/bold] mug", "b", "c", "d")),
    )  # fmt: skip
    photos = (
        PhotoReading(index=0, source=PhotoRef(upload_id="a" * 64), analysis=read, duplicate_of=1, review=("blurred",)),
        PhotoReading(index=1, source=PhotoRef(upload_id="b" * 64), problem=PhotoProblem(code="damaged", message="cut")),
    )
    counts = BatchCounts(
        photos=2, read=1, unreadable=1, duplicates=1, blurred=1, with_codes=1, with_text=1, needs_review=1
    )
    items = (InventoryItem(key="ean:4006381333931", ean="4006381333931", photos=(0,)),)
    console = Console(width=160, markup=False, force_terminal=False, record=True)

    console.print(
        inventory(PhotoResult(counts=counts, items=items, photos=photos, summary="2 photos"), ["a.jpg", "b.jpg"])
    )

    shown = console.export_text()
    for expected in ("EAN-13 4006381333931", "[/bold] mug", "… 1 more", "blurred (40)", "dark", "800 x 600",
                     "same scene as b.jpg", "damaged: cut", "needs review", "Needs a human look: 1"):  # fmt: skip
        assert expected in shown
