"""Photo job: read a batch of shop photos and say what is on them.

Fields are only ever added, and with a default: old workflow histories must still load.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AnyHttpUrl, ConfigDict, Field, StringConstraints, UrlConstraints, field_validator, model_validator

from contracts.inventory import (
    MAX_PRODUCTS,
    Box,
    CollectionData,
    Comparison,
    DetectedItem,
    Label,
    MileageData,
    Odometer,
    Product,
    SequenceType,
    Shelf,
    StockLimits,
)
from contracts.jobs import JobPayload, Progress
from contracts.personal import PERSONAL
from contracts.seeing import Seen, VisionReport, VisionWish
from contracts.values import Instant, WireModel

MAX_PHOTOS = 500
MAX_TEXT_LINES = 60
"""Lines of text kept per photo: a label has few; a photographed page is cut here and says so (`textCut`)."""

UploadId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the uploaded bytes, in hex: the same file uploaded twice is one upload."""

PhotoUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]


class PhotoRef(WireModel):
    """One photo: uploaded before, or to be fetched from a URL. Exactly one of the two."""

    upload_id: UploadId | None = None
    url: PhotoUrl | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "PhotoRef":
        if (self.upload_id is None) == (self.url is None):
            msg = "give exactly one of uploadId and url"
            raise ValueError(msg)
        return self

    @property
    def name(self) -> str:
        """What to call this photo in a message."""
        return str(self.url) if self.url else f"upload {str(self.upload_id)[:12]}"


class PhotoInput(JobPayload):
    """A batch of photos to read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "photos": [
                        {"url": "https://shop.example/shelf-1.jpg"},
                        {"url": "https://shop.example/shelf-2.jpg"},
                    ],
                    "sequenceType": "collection_inventory",
                    "description": "the shelf beside the door",
                }
            ]
        }
    )

    photos: tuple[PhotoRef, ...] = Field(min_length=1, max_length=MAX_PHOTOS)
    sequence_type: SequenceType = SequenceType.GENERAL
    location: str | None = Field(default=None, max_length=500, json_schema_extra=PERSONAL)
    description: str | None = Field(default=None, max_length=2000, json_schema_extra=PERSONAL)
    products: tuple[Product, ...] = Field(
        default=(), max_length=MAX_PRODUCTS, description="what labels are compared with; their ids are different"
    )
    count_labels: bool = Field(
        default=False,
        description="every piece shows its own code, on one photo only: then codes that are seen are pieces",
    )
    stock_limits: StockLimits = StockLimits()
    keep_gps: bool = Field(default=False, description="leave the place where a photo was taken in its analysis")
    vision: VisionWish = VisionWish()

    @field_validator("products")
    @classmethod
    def _different(cls, products: tuple[Product, ...]) -> tuple[Product, ...]:
        if len({product.id for product in products}) < len(products):
            msg = "two products have the same id"
            raise ValueError(msg)
        return products

    def upload_ids(self) -> Iterator[tuple[str, str]]:
        """Yield each photo that must have been uploaded."""
        for index, photo in enumerate(self.photos):
            if photo.upload_id:
                yield f"photos.{index}.uploadId", photo.upload_id

    def expected(self) -> Progress:
        """Return the number of photos, none of them done."""
        return Progress(done=0, total=len(self.photos), unit="photo", message="waiting to begin")


class Code(WireModel):
    """A barcode or QR code as read, check digit verified."""

    format: str = Field(description="EAN-13, UPC-A, Code128, QRCode, …")
    value: str
    ean: str | None = Field(default=None, description="the GTIN in its usual digits, for retail codes")
    count: int = Field(default=1, description="how often it is on the photo, in different places")
    box: Box | None = None
    printed: float | None = Field(
        default=None,
        description="its bars cannot be read, the digits under them can: how surely, a share in [0, 1]; else null",
    )


class TextLine(WireModel):
    """One line of printed text. `confidence` is a share in [0, 1]; `box` is (left, top, right, bottom) in pixels."""

    text: str
    confidence: float
    box: Box | None = None


class Quality(WireModel):
    """How usable a photo is."""

    sharpness: float = Field(description="edge strength at 1024 px, noise smoothed; under 10 is blurred")
    blurred: bool
    brightness: float = Field(description="mean luma, share in [0, 1]")
    contrast: float = Field(description="standard deviation of luma, share in [0, 1]")
    exposure: str = Field(description="ok, dark or bright")


class Colour(WireModel):
    """A dominant colour and its share of the picture in [0, 1]."""

    hex: str
    share: float


class Gps(WireModel):
    """Where a photo was taken, WGS 84 degrees. Personal data."""

    latitude: float
    longitude: float


class PhotoAnalysis(WireModel):
    """What the reader found on one image."""

    format: str = Field(description="JPEG, PNG, WEBP, …")
    width_px: int = Field(description="after turning upright")
    height_px: int
    rotated: bool = Field(default=False, description="turned upright by its EXIF orientation")
    taken_at: Instant | None = Field(default=None, description="EXIF time; taken as UTC when it names no offset")
    camera: str | None = None
    gps: Gps | None = Field(default=None, json_schema_extra=PERSONAL)
    gps_removed: bool = Field(default=False, description="the photo says where it was taken; `keepGps` was not set")
    codes: tuple[Code, ...] = ()
    text: tuple[TextLine, ...] = ()
    text_cut: bool = False
    skus: tuple[str, ...] = Field(default=(), description="stock numbers named as such in the text")
    prices: tuple[str, ...] = Field(default=(), description="prices as printed, for example 12.99 EUR")
    labels: tuple[Label, ...] = ()
    odometers: tuple[Odometer, ...] = Field(default=(), description="numbers that may be an odometer's, surest first")
    vins: tuple[str, ...] = Field(
        default=(), description="vehicle identification numbers with a right check digit", json_schema_extra=PERSONAL
    )
    quality: Quality
    colours: tuple[Colour, ...] = ()
    fingerprint: str = Field(description="256-bit perceptual hash in hex; 64 characters")


class PhotoProblem(WireModel):
    """Why one photo could not be read. Honest, and never the fault of its neighbours."""

    code: str = Field(
        description="damaged, not_an_image, too_many_pixels, unreadable, missing, not_found, refused, too_large "
        "or timeout"
    )
    message: str


class PhotoReading(WireModel):
    """One photo's outcome: an analysis or a problem, never neither."""

    index: int = Field(description="place in the request, from 0")
    source: PhotoRef
    analysis: PhotoAnalysis | None = None
    problem: PhotoProblem | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    thumbnail: str | None = Field(default=None, description="object key of a 480 px WebP without metadata")
    picture: str | None = Field(default=None, description="object key of an upright 1600 px JPEG without metadata")
    duplicate_of: int | None = Field(default=None, description="index of the first photo of the same scene")
    review: tuple[str, ...] = Field(default=(), description="why a person should look; empty when none need")
    seen: Seen | None = Field(default=None, description="what a model says of it, where one was asked and answered")


class InventoryItem(WireModel):
    """One product as far as codes and labels tell: no number is invented."""

    key: str = Field(description="ean:…, sku:… or code:…")
    ean: str | None = None
    sku: str | None = None
    photos: tuple[int, ...] = Field(description="indices of the photos it was read on, near-duplicates left out")
    label: str | None = Field(default=None, description="the words printed largest beside the code")
    prices: tuple[str, ...] = ()


class BatchCounts(WireModel):
    """Counts over a batch."""

    photos: int
    read: int
    unreadable: int
    duplicates: int
    blurred: int
    with_codes: int
    with_text: int
    needs_review: int


class PhotoResult(WireModel):
    """Result of a photo job."""

    counts: BatchCounts
    items: tuple[InventoryItem, ...]
    photos: tuple[PhotoReading, ...] = Field(description="in the order of the request")
    summary: str
    sequence_type: SequenceType = Field(default=SequenceType.GENERAL, description="as asked for, or as detected")
    detected_because: str | None = Field(default=None, description="why this type was chosen, for auto_detect")
    category: str = Field(default="general", description="mileage, collection, inventory or general")
    confidence: float = Field(default=0.0, description="mean of what is listed; 0 when nothing could be read")
    detected_items: tuple[DetectedItem, ...] = ()
    mileage_data: MileageData | None = None
    collection_data: CollectionData | None = None
    shelf: Shelf | None = None
    comparison: Comparison | None = Field(default=None, description="null when no products were given")
    vision: VisionReport | None = Field(default=None, description="null when no photo was to be shown to a model")
    needs_human_review: bool = False
    review: tuple[str, ...] = Field(default=(), description="why a person should look; photos have their own reasons")


class FetchInput(WireModel):
    """Fetch one photo from its URL into the tenant's store."""

    tenant_id: str
    index: int
    url: str


class FetchResult(WireModel):
    """Where a fetched photo is kept, or why there is none."""

    sha256: str | None = None
    problem: PhotoProblem | None = None


class ReadInput(WireModel):
    """Read one stored photo."""

    tenant_id: str
    index: int
    source: PhotoRef
    sha256: str
    keep_gps: bool = False
