"""Contents: the fields of what is generated, one model per generation type.

Each is also the JSON schema that a model is held to, so every field is required and no other is allowed.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from contracts.generation_kinds import GenerationType
from contracts.values import WireModel

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class Content(WireModel):
    """Base of the contents."""

    model_config = ConfigDict(extra="forbid")

    def as_text(self) -> str:
        """Return all of it as one text for people."""
        raise NotImplementedError


class MerchandiseDesign(Content):
    """The idea of a design. `imagePrompt`: what a picture of it shows, in the words an image model is given."""

    title: Line
    concept: Paragraph
    text_on_product: Line
    image_prompt: Paragraph

    def as_text(self) -> str:
        """Return title, concept and the words on the product."""
        return f"{self.title}\n\n{self.concept}\n\nOn the product: {self.text_on_product}"


class SocialContent(Content):
    """One post, with its hashtags without the #."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    hashtags: list[Tag] = Field(max_length=5)

    def as_text(self) -> str:
        """Return the post as it would be sent."""
        words = [tag.replace("#", "").replace(" ", "") for tag in self.hashtags]
        return f"{self.text}\n\n{' '.join(f'#{word}' for word in words if word)}".strip()


class ProductDescription(Content):
    """What a product page says."""

    title: Line
    description: Paragraph
    bullet_points: list[Line] = Field(max_length=6)
    tags: list[Tag] = Field(max_length=10)

    def as_text(self) -> str:
        """Return title, description and points."""
        points = "".join(f"\n- {point}" for point in self.bullet_points)
        return f"{self.title}\n\n{self.description}\n{points}".strip()


class BlogSection(Content):
    """One part of a blog post."""

    heading: Line
    text: Paragraph

    def as_text(self) -> str:
        """Return heading and text."""
        return f"## {self.heading}\n\n{self.text}"


class BlogPost(Content):
    """A blog post, in sections."""

    title: Line
    excerpt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    sections: list[BlogSection] = Field(min_length=1, max_length=8)
    tags: list[Tag] = Field(max_length=10)

    def as_text(self) -> str:
        """Return it as Markdown."""
        return "\n\n".join([f"# {self.title}", self.excerpt, *(section.as_text() for section in self.sections)])


class MarketingCopy(Content):
    """A short advertisement."""

    headline: Line
    body: Paragraph
    call_to_action: Line

    def as_text(self) -> str:
        """Return headline, body and call."""
        return f"{self.headline}\n\n{self.body}\n\n{self.call_to_action}"


CONTENTS: Mapping[GenerationType, type[Content]] = {
    GenerationType.MERCHANDISE_DESIGN: MerchandiseDesign,
    GenerationType.SOCIAL_CONTENT: SocialContent,
    GenerationType.PRODUCT_DESCRIPTION: ProductDescription,
    GenerationType.BLOG_POST: BlogPost,
    GenerationType.MARKETING_COPY: MarketingCopy,
}
