"""Seeing: what a model says of photos that the reader of this machine could not make out.

It is always marked as a model's, is never surer than `MOST_SURE`, and outweighs nothing that was read here: no code, no
print, no product's own data. Fields are only ever added, and with a default.
"""

from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from contracts.generations import Used
from contracts.inventory import Label
from contracts.values import RequestBody, WireModel

MOST_SURE = 0.75
"""A model says of itself how sure it is. Under this no stock follows it, and a person is asked to look."""


class Condition(StrEnum):
    """In which condition a thing seems to be."""

    NEW = "new"
    GOOD = "good"
    WORN = "worn"
    DAMAGED = "damaged"


class VisionWish(RequestBody):
    """Which photos a model that sees is shown, where one is configured."""

    photos: Literal["unclear", "all", "none"] = Field(
        default="unclear", description="unclear: those of which something could not be read; of mileage logs none"
    )
    cache: bool = Field(
        default=False, description="take what a model said of the very same photo before, for up to 30 days"
    )


class SeenThing(WireModel):
    """One thing that a model sees. What it does not say is null."""

    label: int | None = Field(default=None, description="place of the label it belongs to in the photo's analysis")
    title: str = ""
    category: str | None = None
    condition: Condition | None = None
    sku: str | None = Field(default=None, description="stock number that it reads on the thing")
    confidence: float = Field(description=f"share in [0, {MOST_SURE}], as the model says")


class Seen(WireModel):
    """What a model says of one photo."""

    model: str
    provider: str
    things: tuple[SeenThing, ...] = ()
    cached: bool = Field(default=False, description="it was said of the same photo before, and cost nothing now")


class SeeInput(WireModel):
    """Show one photo to a model."""

    job_id: str
    tenant_id: str
    index: int
    sha256: str
    labels: tuple[Label, ...] = ()
    cache: bool = False
    attempts: int = 1


class Sight(WireModel):
    """What came of showing a photo: what was seen, or why nothing was. `used`: by all calls for this photo."""

    seen: Seen | None = None
    problem: str | None = None
    blind: bool = Field(default=False, description="with other photos it would be no better: they need not be shown")
    used: Used = Used()


class VisionReport(WireModel):
    """What models were asked about a batch, and what that took."""

    asked: int = Field(description="photos that were shown to a model, or of which one had spoken before")
    answered: int
    cached: int = Field(default=0, description="answers that were kept from before, and cost nothing")
    not_asked: int = Field(default=0, description="photos that were to be shown, and were not")
    problems: tuple[str, ...] = Field(default=(), description="why answers are missing; each reason once")
    used: Used = Used()


class PhotoSeer(Protocol):
    """Has models say what is on a photo."""

    async def see(self, step: SeeInput, picture: bytes) -> Sight:
        """Return what a model sees on the picture (JPEG, without metadata), or why none says anything of it.

        Raises:
            Unavailable: No model answers now; one may with the next attempt.
        """
