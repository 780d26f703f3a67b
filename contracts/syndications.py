"""Syndication job: post one text, with its link and pictures, on several social platforms.

Fields are only ever added, and with a default: old workflow histories must still load.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AnyHttpUrl, BeforeValidator, ConfigDict, Field, StringConstraints, UrlConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from contracts.jobs import Job, JobPayload, Progress
from contracts.photos import UploadId
from contracts.values import Instant, WireModel

MOST_IMAGES = 4
"""Both platforms take no more with one post."""
USUAL_ACCOUNT = "default"


class Platform(StrEnum):
    """Where can be posted."""

    BLUESKY = "bluesky"
    MASTODON = "mastodon"


def _supported(given: Any) -> Any:  # Any: not checked yet
    if isinstance(given, str) and given not in set(Platform):
        msg = f"there is no posting to '{given[:40]}' here; supported are {', '.join(Platform)}"
        raise ValueError(msg)
    return given


SupportedPlatform = Annotated[Platform, BeforeValidator(_supported)]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
Hashtag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
AltText = Annotated[str, StringConstraints(max_length=1500)]
Link = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]


class PostContent(WireModel):
    """What is posted. Hashtags may come with or without the #; those that stand in the text are not repeated."""

    text: str = Field(min_length=1, max_length=20_000)
    link: Link | None = None
    hashtags: tuple[Hashtag, ...] = Field(default=(), max_length=20)
    images: tuple[UploadId, ...] = Field(default=(), max_length=MOST_IMAGES, description="uploads, in their order")
    alt_texts: tuple[AltText, ...] = Field(
        default=(), max_length=MOST_IMAGES, description="what each image shows, in the order of images"
    )

    @model_validator(mode="after")
    def _described(self) -> "PostContent":
        if len(self.alt_texts) > len(self.images):
            msg = "there are more altTexts than images"
            raise ValueError(msg)
        if not self.text.strip():
            msg = "text is empty"
            raise ValueError(msg)
        return self


class Continued(WireModel):
    """A job that ended before it had posted everywhere, and when it was due."""

    job_id: str = Field(max_length=300)
    began_at: Instant = Field(ge=datetime(2020, 1, 1, tzinfo=UTC))


class SyndicationInput(JobPayload):
    """One post for several platforms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "content": {
                        "text": "We open on Saturdays again, from 9 to 2",
                        "link": "https://shop.example/hours",
                        "hashtags": ["cactus", "saturday"],
                    },
                    "platforms": ["mastodon", "bluesky"],
                }
            ]
        }
    )

    content: PostContent
    platforms: tuple[SupportedPlatform, ...] = Field(json_schema_extra={"minItems": 1, "maxItems": len(Platform)})
    accounts: dict[SupportedPlatform, AccountName] = Field(
        default={}, description="account by platform; else the one named 'default', or the only one"
    )
    on_too_long: Literal["shorten", "refuse"] = Field(
        default="shorten", description="a text that is too long for a platform is cut at a word's end, or not posted"
    )

    continues: SkipJsonSchema[Continued | None] = Field(
        default=None, description="set by a retry, and by nobody else: what that job has posted is not posted again"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "SyndicationInput":
        if not self.platforms or len(set(self.platforms)) < len(self.platforms):
            msg = "platforms names one twice" if self.platforms else "platforms is empty"
            raise ValueError(msg)
        if unknown := [platform.value for platform in self.accounts if platform not in self.platforms]:
            msg = f"accounts names {', '.join(unknown)}, and platforms does not"
            raise ValueError(msg)
        return self

    def upload_ids(self) -> Iterator[tuple[str, str]]:
        """Yield each image."""
        for index, upload_id in enumerate(self.content.images):
            yield f"content.images.{index}", upload_id

    def social_accounts(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield the account of each platform."""
        for index, platform in enumerate(self.platforms):
            name = self.accounts.get(platform)
            yield f"accounts.{platform.value}" if name else f"platforms.{index}", platform.value, name

    def again(self, job: Job) -> Self:
        """Return the post for the platforms that do not have it; for all, as a new one, when every platform has it."""
        said = job.result if isinstance(job.result, dict) else {}
        there = {outcome["platform"] for outcome in said.get("results", ()) if outcome["success"]}
        missing = tuple(platform for platform in self.platforms if platform not in there)
        if not missing:
            return self.model_copy(update={"continues": None}) if self.continues else self
        due_at = max(filter(None, (job.created_at, job.run_at, job.slot_at)))
        accounts = {platform: name for platform, name in self.accounts.items() if platform in missing}
        continues = self.continues or Continued(job_id=job.id, began_at=due_at)
        return self.model_copy(update={"platforms": missing, "accounts": accounts, "continues": continues})

    def expected(self) -> Progress:
        """Return the number of platforms, none of them posted to."""
        return Progress(done=0, total=len(self.platforms), unit="platform", message="waiting to begin")


class PostInput(WireModel):
    """Post on one platform. `job_id`, `began_at`: whose post it is, and since when it may be there."""

    job_id: str
    tenant_id: str
    platform: Platform
    account: str | None
    content: PostContent
    on_too_long: Literal["shorten", "refuse"]
    began_at: Instant


class PlatformOutcome(WireModel):
    """What became of the post on one platform. `error`: why it was refused for good."""

    platform: Platform
    account: str | None = None
    success: bool
    post_id: str | None = None
    url: str | None = None
    text: str | None = Field(default=None, description="what was posted")
    shortened: bool = Field(default=False, description="the text was too long for this platform and was cut")
    error: str | None = None
    attempts: int = 1


class SyndicationResult(WireModel):
    """What became of the post, in the order of the platforms."""

    successful: int
    failed: int
    results: tuple[PlatformOutcome, ...]
