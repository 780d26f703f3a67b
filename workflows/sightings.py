"""From labels to things: which labels, on whichever photos, are of one and the same thing. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts.inventory import DetectedItem, Finding, Label, Match, MatchedBy, Price, Product
from contracts.photos import PhotoReading

UNMATCHED = 0.5
"""Share of its confidence that a label keeps when it is none of the given products' (the platform's rule)."""
LEAST_LETTERS = 4
NOTHING = Finding()


@dataclass(frozen=True)
class Sighting:
    """One label on one photo, and what it was found to be."""

    photo: int
    label: Label
    finding: Finding = NOTHING

    @property
    def key(self) -> str:
        """What tells its thing from others: a product, a number, or at least a name. Empty when it says nothing."""
        label = self.label
        if self.finding.match:
            return f"product:{self.finding.match.product}"
        for kind, values in (("ean", label.eans), ("code", label.codes), ("sku", label.skus)):
            if values:
                return f"{kind}:{values[0]}"
        return f"title:{label.title.casefold()}" if sum(map(str.isalpha, label.title)) >= LEAST_LETTERS else ""

    @property
    def numbered(self) -> bool:
        """Whether it is known by more than a name that was printed somewhere."""
        return not self.key.startswith("title:")

    @property
    def confidence(self) -> float:
        """How surely it was read and, when it is a product's, found to be that one's."""
        match = self.finding.match
        by_code = bool(self.label.codes) and (match is None or match.by is MatchedBy.BARCODE)
        return (1.0 if by_code else self.label.confidence) * (match.confidence if match else 1.0)


@dataclass
class Thing:
    """All sightings of one thing."""

    sightings: list[Sighting] = field(default_factory=list)
    product: Product | None = None

    @property
    def match(self) -> Match | None:
        """The surest of the matches."""
        matches = [one.finding.match for one in self.sightings if one.finding.match]
        return max(matches, key=lambda match: match.confidence, default=None)

    @property
    def confidence(self) -> float:
        """That of the surest sighting."""
        return round(max(one.confidence for one in self.sightings), 3)

    @property
    def photos(self) -> tuple[int, ...]:
        """Where it was seen."""
        return tuple(dict.fromkeys(one.photo for one in self.sightings))

    @property
    def name(self) -> str:
        """The product's title, or the words on the label, or the number."""
        said = (one.label.title for one in self.sightings if one.label.title)
        return (self.product.title if self.product else "") or next(said, self.sightings[0].key.partition(":")[2])

    def first(self, kind: str) -> str | None:
        """Return the first of its `eans` or `skus`."""
        return next((value for one in self.sightings for value in getattr(one.label, kind)), None)

    def price(self) -> Price | None:
        """Return the price of one piece; None when none is printed, or different ones are."""
        prices = {
            (price.amount_minor, price.currency): price
            for one in self.sightings
            for price in one.label.prices
            if price.per is None
        }
        return next(iter(prices.values())) if len(prices) == 1 else None

    def quantities(self, *, count_labels: bool) -> set[int]:
        """Return the numbers of pieces: those printed as such or, when every piece shows its code, the codes seen."""
        printed = {one.label.quantity for one in self.sightings if one.label.quantity is not None}
        if printed or not count_labels:
            return printed
        return {sum(one.label.pieces for one in self.sightings if one.label.codes)} - {0}


def sightings_on(photos: Iterable[PhotoReading]) -> list[Sighting]:
    """Return the labels of all photos but near-duplicates, in order."""
    return [
        Sighting(photo.index, label)
        for photo in photos
        if photo.analysis and photo.duplicate_of is None
        for label in photo.analysis.labels
    ]


def things_of(sightings: Iterable[Sighting], products: Sequence[Product]) -> list[Thing]:
    """Return the things in the order they were first seen; what says nothing is none."""
    things: dict[str, Thing] = {}
    for one in sightings:
        if one.key:
            thing = things.setdefault(one.key, Thing())
            thing.sightings.append(one)
            if one.finding.match:
                thing.product = products[one.finding.match.product]
    return list(things.values())


def detected(thing: Thing, location: str | None, *, count_labels: bool, compared: bool) -> DetectedItem:
    """Return a thing as it is told. `compared`: there were products that it could have been."""
    price, counted = thing.price(), thing.quantities(count_labels=count_labels)
    product = thing.product
    return DetectedItem(
        name=thing.name,
        quantity=counted.pop() if len(counted) == 1 else None,
        seen=max(one.label.pieces for one in thing.sightings),
        estimated_value=price.amount_minor if price else None,
        currency=price.currency if price else None,
        location=location,
        confidence=round(thing.confidence * (UNMATCHED if compared and product is None else 1.0), 3),
        product_id=product.id if product else None,
        sku=(product.sku if product else None) or thing.first("skus"),
        ean=thing.first("eans"),
        photos=thing.photos,
        review=tuple(_doubts(thing, compared=compared)),
    )


def _doubts(thing: Thing, *, compared: bool) -> list[str]:
    if any(one.finding.rivals for one in thing.sightings):
        return ["it fits several products"]
    return ["it is none of the given products"] if compared and thing.product is None else []
