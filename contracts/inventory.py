"""Inventory: what a shop tells us of its products, and what a batch of photos says of them.

A number is here only when it was read, counted or worked out from numbers that were; else it is null, and `review` says
what a person should look at. Fields are only ever added, and with a default.
"""

from enum import StrEnum

from pydantic import Field

from contracts.personal import PERSONAL
from contracts.values import Instant, WireModel

MAX_PRODUCTS = 5000

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels of the upright original."""


class SequenceType(StrEnum):
    """What a batch of photos is of."""

    MILEAGE_LOG = "mileage_log"
    COLLECTION_INVENTORY = "collection_inventory"
    BUSINESS_INVENTORY = "business_inventory"
    GENERAL = "general"
    AUTO_DETECT = "auto_detect"


class Product(WireModel):
    """One of the tenant's products, as far as a photo can be compared with it."""

    id: str = Field(min_length=1, max_length=200)
    title: str = Field(default="", max_length=500)
    sku: str | None = Field(default=None, max_length=100)
    barcode: str | None = Field(
        default=None, max_length=100, description="as printed: EAN, UPC, GTIN or any other code"
    )
    category: str | None = Field(default=None, max_length=200)
    quantity: int | None = Field(default=None, ge=0, description="pieces in stock now")
    price_minor: int | None = Field(default=None, ge=0, description="in the currency's smallest unit")


class StockLimits(WireModel):
    """How sure a count must be, and how near to the stock on record, for the stock to follow it without a person."""

    confidence: float = Field(default=0.85, ge=0, le=1, description="a count must be surer than this")
    difference: float = Field(default=0.5, ge=0, le=10, description="share of the stock on record; less than this")


class Price(WireModel):
    """A printed price. `currency` is null where the sign does not tell which one ($ is several)."""

    text: str = Field(description="as printed")
    amount_minor: int = Field(description="in hundredths")
    currency: str | None = Field(default=None, description="EUR, GBP or USD")
    per: str | None = Field(default=None, description="the unit of a price per unit, for example kg")


class Label(WireModel):
    """A label as read on one photo: what stands together around one code, stock number or price."""

    title: str = Field(default="", description="the words printed largest")
    codes: tuple[str, ...] = Field(default=(), description="values of the codes on it")
    eans: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    quantity: int | None = Field(default=None, description="a number of pieces that is printed as such: Qty 12")
    pieces: int = Field(default=1, description="how often the label's code is on the photo")
    confidence: float = Field(description="share in [0, 1]; of the least sure of its words, 1 for codes alone")
    printed_code: float | None = Field(
        default=None, description="how surely the digits of its code were read, when its bars could not be; else null"
    )
    box: Box | None = None


class Odometer(WireModel):
    """A number on a photo that may be an odometer's."""

    value: float
    unit: str | None = Field(default=None, description="km or mi; null when none is beside it")
    named: bool = Field(description="a unit, or a word such as ODO, is beside it")
    confidence: float = Field(description="share in [0, 1], of the reading of its digits")
    text: str = Field(description="as read")
    box: Box | None = None


class MatchedBy(StrEnum):
    """By what a label was found to be a product's, surest first."""

    BARCODE = "barcode"
    SKU = "sku"
    SIMILAR_SKU = "similar_sku"
    """But for characters that print makes look alike, such as 0 and O."""
    TITLE = "title"
    MEANING = "meaning"
    """Of its name, by an embedding model: other words for the same. No stock follows it."""


class Match(WireModel):
    """Which product a label is of. `confidence`: share in [0, 1], of the match alone."""

    product: int = Field(description="its place in the given products")
    by: MatchedBy
    confidence: float


class MatchInput(WireModel):
    """Find each label's product."""

    labels: tuple[Label, ...]
    products: tuple[Product, ...]


class Finding(WireModel):
    """What a label was found to be: one product, none, or one of several that nothing tells apart."""

    match: Match | None = None
    rivals: tuple[int, ...] = Field(default=(), description="places of products that fit equally well")


class Comparison(WireModel):
    """By what names were compared besides their letters."""

    model: str | None = Field(default=None, description="the embedding model; null where none is installed")
    problem: str | None = Field(default=None, description="why it compared nothing, or not all")


class MatchResult(WireModel):
    """The findings, in the order of the labels, and how they were come by."""

    findings: tuple[Finding, ...]
    comparison: Comparison = Comparison()


class ByModel(WireModel):
    """That a model says so. `confidence`: share in [0, 1], as it says."""

    model: str
    confidence: float


class DetectedItem(WireModel):
    """One thing on the photos. What nothing tells (condition, value, how many) is null."""

    name: str
    quantity: int | None = Field(default=None, description="null when it was neither printed nor counted")
    seen: int = Field(description="most labels of it on one photo; not a number of pieces")
    condition: str | None = Field(default=None, description="new, good, worn or damaged; null unless a model says it")
    category: str | None = Field(default=None, description="the product's own, or a model's")
    estimated_value: int | None = Field(default=None, description="printed price in hundredths; null without one")
    currency: str | None = None
    location: str | None = Field(default=None, json_schema_extra=PERSONAL)
    confidence: float
    product_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    photos: tuple[int, ...] = ()
    review: tuple[str, ...] = ()
    by_model: dict[str, ByModel] = Field(
        default_factory=dict, description="fields that a model says, by name; all others were read, counted or given"
    )


class OdometerReading(WireModel):
    """What one photo's odometer shows."""

    photo: int
    value: float
    unit: str | None = None
    taken_at: Instant | None = None
    confidence: float


class MileageData(WireModel):
    """A mileage log. `distance`: from the first to the last reading; null unless both were read, in one unit."""

    odometer_reading: float | None = Field(default=None, description="the last one")
    unit: str | None = None
    readings: tuple[OdometerReading, ...] = Field(default=(), description="in the order they were taken")
    distance: float | None = None
    vehicle_identified: str | None = Field(
        default=None, description="the vehicle identification number, when read", json_schema_extra=PERSONAL
    )
    location: str | None = Field(default=None, json_schema_extra=PERSONAL)
    date: Instant | None = Field(default=None, description="of the last reading")
    mileage_type: str | None = Field(default=None, description="business or personal, when the description says so")
    purpose: str | None = Field(default=None, json_schema_extra=PERSONAL)


class CollectionData(WireModel):
    """A collection. `estimatedTotalValue`: the sum of printed prices; null unless every item has one."""

    collection_type: str | None = None
    total_items: int = Field(description="different items, not pieces")
    categorized_items: dict[str, int] = Field(description="different items by the products' category, else by name")
    estimated_total_value: int | None = Field(default=None, description="in hundredths")
    currency: str | None = None
    condition_summary: str | None = Field(
        default=None, description="how many different items are in which condition; null unless a model says it"
    )


class ShelfItem(WireModel):
    """One product of the tenant that is on the photos."""

    product_id: str
    sku: str | None = None
    name: str
    matched_by: MatchedBy
    current_quantity: int | None = None
    detected_quantity: int | None = None
    detected_price_minor: int | None = None
    confidence: float
    bounding_box: Box | None = Field(default=None, description="on the first of `photos`")
    photos: tuple[int, ...] = ()
    by_model: ByModel | None = Field(default=None, description="set when only a model sees it: nothing of it was read")


class StockUpdate(WireModel):
    """A count that is sure and near enough for the stock on record to follow it."""

    product_id: str
    previous_quantity: int
    quantity: int
    confidence: float


class StockConflict(WireModel):
    """What a person must decide. `code` is for programs, `message` for people."""

    code: str = Field(
        description="low_confidence, large_difference, no_stock_on_record, not_counted, counts_differ, price_differs, "
        "unknown_product, several_products or matched_by_meaning"
    )
    message: str
    product_id: str | None = None
    current_quantity: int | None = None
    detected_quantity: int | None = None
    confidence: float | None = None
    photos: tuple[int, ...] = ()


class Shelf(WireModel):
    """What the photos say of the tenant's stock. Nothing is written anywhere: who asked applies `updates`."""

    items: tuple[ShelfItem, ...] = ()
    updates: tuple[StockUpdate, ...] = ()
    conflicts: tuple[StockConflict, ...] = ()
    missing: tuple[str, ...] = Field(default=(), description="ids of given products that were on no photo")
