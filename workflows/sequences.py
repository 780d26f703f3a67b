"""Which kind of sequence a batch of photos is, when its caller leaves that to us. Pure."""

import re
from collections.abc import Sequence

from contracts.inventory import SequenceType
from contracts.photos import PhotoInput, PhotoReading

_WORDS = (
    (SequenceType.MILEAGE_LOG, re.compile(r"\b(odometer|mileage|miles)\b", re.IGNORECASE)),
    (SequenceType.COLLECTION_INVENTORY, re.compile(r"\b(collection|organi[sz]e|catalog(ue)?)\b", re.IGNORECASE)),
    (SequenceType.BUSINESS_INVENTORY, re.compile(r"\b(inventory|stock|shop|store)\b", re.IGNORECASE)),
)
"""The platform's own words, in its order."""
SEVERAL = 3
CATEGORIES = {
    SequenceType.MILEAGE_LOG: "mileage",
    SequenceType.COLLECTION_INVENTORY: "collection",
    SequenceType.BUSINESS_INVENTORY: "inventory",
}


def sequence_of(batch: PhotoInput, photos: Sequence[PhotoReading]) -> tuple[SequenceType, str | None]:
    """Return the kind of sequence, and why it was chosen when it was left to us.

    The description decides, then what is on the photos, then how many there are.
    """
    if batch.sequence_type is not SequenceType.AUTO_DETECT:
        return batch.sequence_type, None
    for kind, words in _WORDS:
        if said := words.search(batch.description or ""):
            return kind, f'the description says "{said[0]}"'
    found = [photo.analysis for photo in photos if photo.analysis]
    driven = [one for one in found if not one.codes and any(odometer.named for odometer in one.odometers)]
    if driven and 2 * len(driven) >= len(found):
        return SequenceType.MILEAGE_LOG, f"{len(driven)} of {len(found)} photos show an odometer"
    if batch.products:
        return SequenceType.BUSINESS_INVENTORY, "products to compare with were given"
    if len(photos) >= SEVERAL:
        return SequenceType.BUSINESS_INVENTORY, f"there are {SEVERAL} or more photos"
    return SequenceType.GENERAL, "nothing says that it is of another kind"
