"""Photo job: read a batch of shop photos and say what is on them.

Fields are only ever added, and with a default: old workflow histories must still load.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import AnyHttpUrl, ConfigDict, Field, StringConstraints, UrlConstraints, model_validator

from contracts.jobs import JobPayload, Progress
from contracts.values import Instant, WireModel

MAX_PHOTOS = 500
MAX_TEXT_LINES = 60
"""Lines of text kept per photo: a label has few; a photographed page is cut here and says so (`textCut`)."""

UploadId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the uploaded bytes, in hex: the same file uploaded twice is one upload."""

PhotoUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]


class SequenceType(StrEnum):
    """What a batch of photos is of."""

    MILEAGE_LOG = "mileage_log"
    COLLECTION_INVENTORY = "collection_inventory"
    BUSINESS_INVENTORY = "business_inventory"
    GENERAL = "general"
    AUTO_DETECT = "auto_detect"


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
    location: str | None = Field(default=None, max_length=500)
    description: str | None = Field(default=None, max_length=2000)

    def upload_ids(self) -> Iterator[tuple[str, str]]:
        """Yield each photo that must have been uploaded."""
        for index, photo in enumerate(self.photos):
            if photo.upload_id:
                yield f"photos.{index}.uploadId", photo.upload_id

    def expected(self) -> Progress:
        """Return the number of photos, none of them done."""
        return Progress(done=0, total=len(self.photos), unit="photo", message="waiting to begin")


class Code(WireModel):
    """A barcode or QR code as read, check digit verified by the reader."""

    format: str = Field(description="EAN-13, UPC-A, Code128, QRCode, …")
    value: str
    ean: str | None = Field(default=None, description="the GTIN in its usual digits, for retail codes")


class TextLine(WireModel):
    """One line of printed text. `confidence` is a share in [0, 1]; `box` is (left, top, right, bottom) in pixels."""

    text: str
    confidence: float
    box: tuple[int, int, int, int] | None = None


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
    gps: Gps | None = None
    codes: tuple[Code, ...] = ()
    text: tuple[TextLine, ...] = ()
    text_cut: bool = False
    skus: tuple[str, ...] = Field(default=(), description="stock numbers named as such in the text")
    prices: tuple[str, ...] = Field(default=(), description="prices as printed, for example 12.99 EUR")
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
    duplicate_of: int | None = Field(default=None, description="index of the first photo of the same scene")
    review: tuple[str, ...] = Field(default=(), description="why a person should look; empty when none need")


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
