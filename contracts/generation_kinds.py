"""What models are asked for. Names on the wire are the platform's and never change."""

from collections.abc import Mapping
from enum import StrEnum


class GenerationType(StrEnum):
    """What is to be generated."""

    MERCHANDISE_DESIGN = "merchandise_design"
    """The idea of a design for a product, and a picture of it where a provider draws."""
    SOCIAL_CONTENT = "social_content"
    """One post."""
    PRODUCT_DESCRIPTION = "product_description"
    BLOG_POST = "blog_post"
    MARKETING_COPY = "marketing_copy"


class OtherUse(StrEnum):
    """What models are asked for by other jobs than generations."""

    NEWS_BRIEFING = "news_briefing"
    """The sentences of a shop's briefing."""
    PHOTO_READING = "photo_reading"
    """What is on a photo. It takes a model that sees, so it is asked only where the settings name one for it."""


ModelUse = GenerationType | OtherUse

ASKED_BY: Mapping[str, str] = {
    OtherUse.NEWS_BRIEFING.value: "news_intelligence",
    OtherUse.PHOTO_READING.value: "photo_processing",
}
"""The job type that asks for each other use; all else is asked by generations."""
