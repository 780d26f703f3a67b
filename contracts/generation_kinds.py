"""Generation types: what can be generated. Names on the wire are the platform's and never change."""

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
