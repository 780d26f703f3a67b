"""From labels to things: which labels, on whichever photos, are of one and the same thing. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from contracts.inventory import ByModel, DetectedItem, Finding, Label, Match, MatchedBy, Price, Product
from contracts.photos import PhotoReading
from contracts.seeing import SeenThing

UNMATCHED = 0.5
"""Share of its confidence that a label keeps when it is none of the given products' (the platform's rule)."""
LEAST_LETTERS = 4
SURE_WORDS = 0.9
"""Words without a number are a model's to say when they were read less surely: true ones are read so even when soft."""
NOTHING = Finding()


@dataclass(frozen=True)
class Said:
    """What a model says of a thing."""

    thing: SeenThing
    model: str

    @property
    def mark(self) -> ByModel:
        """How it is marked in a result."""
        return ByModel(model=self.model, confidence=self.thing.confidence)


@dataclass(frozen=True)
class Sighting:
    """One label on one photo, and what it was found to be."""

    photo: int
    label: Label
    finding: Finding = NOTHING
    said: Said | None = None
    only_seen: bool = False
    """The label itself is a model's: none was read, or nothing but words."""

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
    def by_meaning(self) -> bool:
        """Whether it is a product's by the meaning of its name alone."""
        return self.finding.match is not None and self.finding.match.by is MatchedBy.MEANING

    @property
    def confidence(self) -> float:
        """How surely it was read and, when it is a product's, found to be that one's."""
        match = self.finding.match
        by_code = bool(self.label.codes) and (match is None or match.by is MatchedBy.BARCODE)
        read = (self.label.printed_code or 1.0) if by_code else self.label.confidence
        return read * (match.confidence if match else 1.0)


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
        read = (one.label.title for one in self.sightings if one.label.title)
        seen = (one.said.thing.title for one in self.sightings if one.said and one.said.thing.title)
        own = self.product.title if self.product else ""
        return own or next(read, "") or next(seen, "") or self.sightings[0].key.partition(":")[2]

    def said(self, kind: str) -> tuple[str, ByModel] | None:
        """Return what a model says of its `category` or `condition`, and who; the surest of several."""
        told = [one.said for one in self.sightings if one.said and getattr(one.said.thing, kind)]
        surest = max(told, key=lambda one: one.thing.confidence, default=None)
        return (str(getattr(surest.thing, kind)), surest.mark) if surest else None

    def marks(self) -> dict[str, ByModel]:
        """Return which fields a model says, by their names in a result."""
        marks: dict[str, ByModel] = {}
        for one in self.sightings:
            if one.said and one.only_seen and (self.product is None or self.only_seen):
                marks.setdefault("name" if self.product is None else "productId", one.said.mark)
                if one.label.skus and self.product is None:
                    marks.setdefault("sku", one.said.mark)
            elif one.said and self.product is None and self.name == one.said.thing.title != one.label.title:
                marks.setdefault("name", one.said.mark)
        return marks

    @property
    def only_seen(self) -> bool:
        """Whether nothing of it was read: only a model says that it is there."""
        return all(one.only_seen for one in self.sightings)

    def counted_by_meaning(self, *, count_labels: bool) -> bool:
        """Whether a count of it comes from a label that is its product's by the meaning of its name alone."""
        return any(
            one.by_meaning and (one.label.quantity is not None or (count_labels and one.label.codes))
            for one in self.sightings
        )

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
    """Return the labels of all photos but near-duplicates, in order; then what only a model sees on each."""
    return [
        one
        for photo in photos
        if photo.analysis and photo.duplicate_of is None
        for one in _on(photo, photo.analysis.labels)
    ]


def _on(photo: PhotoReading, labels: Sequence[Label]) -> Iterator[Sighting]:
    said = [Said(thing, photo.seen.model) for thing in photo.seen.things] if photo.seen else []
    of_label = {one.thing.label: one for one in reversed(said)}
    for place, label in enumerate(labels):
        yield _heard(photo.index, label, of_label.get(place))
    for one in said:
        if one.thing.label is None and (one.thing.title or one.thing.sku):
            yield Sighting(photo.index, _as_label(one.thing), said=one, only_seen=True)


def _heard(photo: int, label: Label, said: Said | None) -> Sighting:
    """Return a label with what a model says of it; its words take the place of such as could hardly be read alone."""
    sure = label.codes or label.skus or (label.title and label.confidence >= SURE_WORDS)
    if said is None or sure or not (said.thing.title or said.thing.sku):
        return Sighting(photo, label, said=said)
    return Sighting(photo, _as_label(said.thing, label), said=said, only_seen=True)


def _as_label(thing: SeenThing, read: Label | None = None) -> Label:
    skus = (thing.sku,) if thing.sku else ()
    place = {"prices": read.prices, "box": read.box} if read else {}
    return Label(title=thing.title, skus=skus, confidence=thing.confidence, **place)


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
    marks = thing.marks()
    condition, category = thing.said("condition"), thing.said("category")
    own = product.category if product else None
    if condition:
        marks["condition"] = condition[1]
    if category and not own:
        marks["category"] = category[1]
    return DetectedItem(
        name=thing.name,
        quantity=counted.pop() if len(counted) == 1 else None,
        seen=max(one.label.pieces for one in thing.sightings),
        condition=condition[0] if condition else None,
        category=own or (category[0] if category else None),
        estimated_value=price.amount_minor if price else None,
        currency=price.currency if price else None,
        location=location,
        confidence=round(thing.confidence * (UNMATCHED if compared and product is None else 1.0), 3),
        product_id=product.id if product else None,
        sku=(product.sku if product else None) or thing.first("skus"),
        ean=thing.first("eans"),
        photos=thing.photos,
        review=tuple(_doubts(thing, compared=compared)),
        by_model=marks,
    )


def _doubts(thing: Thing, *, compared: bool) -> list[str]:
    doubts = ["only a model sees it: nothing of it could be read"] if thing.only_seen else []
    if any(one.finding.rivals for one in thing.sightings):
        return [*doubts, "it fits several products"]
    if thing.match and thing.match.by is MatchedBy.MEANING:
        doubts.append("its label names the product in other words")
    return [*doubts, "it is none of the given products"] if compared and thing.product is None else doubts
