"""Generation job: have a model write what a shop needs, and say what that cost.

Fields are only ever added, and with a default: old workflow histories must still load.
Money is whole millionths of a dollar (micros); there are no floats anywhere.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from contracts.approvals import ApprovalStatus, ApprovalWish
from contracts.generation_kinds import GenerationType
from contracts.jobs import JobPayload, Progress
from contracts.personal import PERSONAL
from contracts.values import Instant, WireModel

MOST_TOKENS = 16_384
USUAL_TOKENS = 1_500


class ProductType(StrEnum):
    """What a design is printed on."""

    COFFEE_MUG = "coffee_mug"
    T_SHIRT = "t_shirt"
    STICKER_PACK = "sticker_pack"
    POSTER = "poster"
    HOODIE = "hoodie"
    PHONE_CASE = "phone_case"


class StyleGuide(StrEnum):
    """How a design looks."""

    MODERN = "modern"
    VINTAGE = "vintage"
    BOLD = "bold"
    MINIMALIST = "minimalist"
    HANDDRAWN = "handdrawn"


def _taken_out(name: str) -> BeforeValidator:
    """Return what takes the text out of rows as the platform keeps them: `[{"theme": "cacti"}]` is `["cacti"]`."""

    def plain(given: Any) -> Any:  # Any: not checked yet
        if not isinstance(given, list | tuple):
            return given
        return [row[name] if isinstance(row, Mapping) and name in row else row for row in given]

    return BeforeValidator(plain)


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(max_length=20_000)]
Colour = Annotated[str, StringConstraints(pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]


class SourceData(WireModel):
    """What the model is told of the shop. `existingContent`: texts, or the platform's documents with a title."""

    youtube_channel_id: str | None = Field(default=None, max_length=200, json_schema_extra=PERSONAL)
    branding_guidelines: LongText | None = None
    target_audience: LongText | None = Field(default=None, json_schema_extra=PERSONAL)
    content_themes: Annotated[tuple[ShortText, ...], _taken_out("theme"), Field(max_length=50)] = ()
    existing_content: tuple[str | dict[str, Any], ...] = Field(default=(), max_length=20, json_schema_extra=PERSONAL)


class TextElement(WireModel):
    """Words that stand on a design."""

    text: ShortText
    emphasis: Literal["primary", "secondary", "accent"] = "primary"


class GenerationParameters(WireModel):
    """What is to be written, and how. `prompt` and `customPrompt` are the same thing; both may be given."""

    prompt: LongText | None = Field(default=None, json_schema_extra=PERSONAL)
    custom_prompt: LongText | None = Field(default=None, json_schema_extra=PERSONAL)
    product_type: ProductType | None = None
    style_guide: StyleGuide = StyleGuide.MODERN
    color_scheme: Annotated[tuple[Colour, ...], _taken_out("color"), Field(max_length=20)] = ()
    text_elements: tuple[TextElement, ...] = Field(default=(), max_length=20)
    language: str | None = Field(default=None, max_length=50, description="for example German; as the prompt's own")
    max_tokens: int = Field(
        default=USUAL_TOKENS, ge=16, le=MOST_TOKENS, strict=True, description="most tokens of one answer"
    )


class GenerationInput(JobPayload):
    """Something to be generated."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "generationType": "product_description",
                    "spaceId": "cactus-corner",
                    "sourceData": {"targetAudience": "people with little time for plants"},
                    "parameters": {"prompt": "A 5 litre bag of peat-free soil for cacti", "language": "English"},
                },
                {
                    "generationType": "social_content",
                    "spaceId": "cactus-corner",
                    "parameters": {"prompt": "We open on Saturdays again, from 9 to 2"},
                },
                {
                    "generationType": "merchandise_design",
                    "spaceId": "cactus-corner",
                    "parameters": {
                        "productType": "coffee_mug",
                        "styleGuide": "vintage",
                        "colorScheme": [{"color": "#1b4332"}, {"color": "#f4a261"}],
                        "textElements": [{"text": "Stay prickly", "emphasis": "primary"}],
                    },
                },
            ]
        }
    )

    generation_type: GenerationType
    space_id: str | int | None = Field(default=None, description="the platform's space it is for")
    source_data: SourceData = SourceData()
    parameters: GenerationParameters = GenerationParameters()
    output: Literal["structured", "text"] = Field(
        default="structured", description="structured: the fields of the generation type's own model; text: free text"
    )
    pictures: bool = Field(
        default=True, description="a merchandise_design is drawn as well, where a provider draws pictures"
    )

    cache: bool = Field(
        default=False, description="what was made for the very same order within 30 days is given again"
    )
    approval: ApprovalWish | None = Field(
        default=None, description="given, also as {}: the result waits until somebody has approved it"
    )

    def objection(self) -> str | None:
        """Return what to say of an order that tells nothing at all: a model would invent the rest."""
        told, source = self.parameters, self.source_data
        texts = (told.prompt, told.custom_prompt, source.youtube_channel_id, source.branding_guidelines)
        lists = (told.text_elements, told.color_scheme, source.content_themes, source.existing_content)
        given = (*texts, source.target_audience)
        if any(text and text.strip() for text in given) or any(lists) or told.product_type:
            return None
        return "there is nothing to write from: say in parameters.prompt what you want, or tell of it in sourceData"

    @property
    def draws(self) -> bool:
        """Whether a picture is wanted."""
        return self.pictures and self.generation_type is GenerationType.MERCHANDISE_DESIGN

    def expected(self) -> Progress:
        """Return how many parts there are to make."""
        total = 1 + self.draws + (self.approval is not None)
        return Progress(done=0, total=total, unit="part", message="waiting to begin")


class Asset(WireModel):
    """A picture that was made; it is kept like an upload, and other jobs may use it by its `uploadId`."""

    upload_id: str = Field(description="SHA-256 of the file")
    content_type: str
    size_bytes: int
    width_px: int | None = None
    height_px: int | None = None
    cost_micros: int | None = Field(
        default=None, description="millionths of a dollar; in `used` as well. null: its model has no price"
    )


class Used(WireModel):
    """What calls to models took. `costMicros`: millionths of a dollar; of calls without a known price nothing."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    unpriced_calls: int = Field(default=0, description="calls whose model has no price in the settings")
    lost_calls: int = Field(default=0, description="calls whose answer was lost, for example with their worker")
    lost_tokens: int = 0
    lost_cost_micros: int = Field(default=0, description="the part of costMicros that was lost")

    @property
    def tokens(self) -> int:
        """Tokens in both directions."""
        return self.input_tokens + self.output_tokens


class ProcessingMetadata(WireModel):
    """How it was made. `processingTime`: seconds; tokens and cost are those of all calls of the job, lost ones too."""

    model_used: str | None = None
    provider: str | None = None
    processing_time: float = 0.0
    tokens_used: int = 0
    used: Used = Used()
    repaired: bool = Field(default=False, description="the first answer was no valid JSON, the second one was")
    shortened: bool = Field(default=False, description="what the model was told was too long and was cut")
    cut: bool = Field(default=False, description="a free text ends where maxTokens ended it")
    cached: bool = Field(default=False, description="the text is an earlier one, and no model was asked for it")
    image_model: str | None = None
    image_cached: bool = Field(default=False, description="the picture is an earlier one, and no model drew it")
    notes: tuple[str, ...] = Field(default=(), description="what could not be done, and why")


class GenerationResult(WireModel):
    """What was made. `content`: the fields of the generation type's model; null for free text."""

    generation_type: GenerationType
    generated_text: str
    content: dict[str, Any] | None = None
    generated_assets: tuple[Asset, ...] = ()
    print_ready_files: tuple[Asset, ...] = Field(default=(), description="always empty: nothing here makes print files")
    quality_score: float | None = Field(default=None, description="always null: nobody measured it")
    approval_status: ApprovalStatus | None = Field(default=None, description="null: nobody was asked")
    review_notes: tuple[str, ...] = Field(default=(), description="what each revision asked for")
    processing_metadata: ProcessingMetadata = ProcessingMetadata()


class Revision(WireModel):
    """A text that somebody wants to have changed, and how."""

    text: str
    notes: str


class WriteInput(WireModel):
    """Write the text of one job."""

    job_id: str
    tenant_id: str
    order: GenerationInput
    revisions: tuple[Revision, ...] = ()
    overdraw: bool = False
    """Somebody has approved that the tenant's budget of the day is overdrawn."""


class Draft(WireModel):
    """A text that was written, and by whom."""

    text: str
    content: dict[str, Any] | None = None
    provider: str
    model: str
    seconds: float
    repaired: bool = False
    shortened: bool = False
    cut: bool = False
    cached: bool = False
    used: Used = Used()


class Written(WireModel):
    """A text; or in words, what of the tenant's budget of the day is spent, so that none was written."""

    draft: Draft | None = None
    spent: str | None = None
    renewed_at: Instant | None = None
    """When there is a new budget."""


class DrawInput(WireModel):
    """Draw the picture of one job. `prompt`: what the picture shows."""

    job_id: str
    tenant_id: str
    order: GenerationInput
    prompt: str


class Drawing(WireModel):
    """A picture that was drawn; `note` says why there is none."""

    asset: Asset | None = None
    model: str | None = None
    seconds: float = 0.0
    note: str | None = None
    cached: bool = False
    used: Used = Used()


def result_of(
    order: GenerationInput, draft: Draft, drawing: Drawing | None, revisions: tuple[Revision, ...] = ()
) -> GenerationResult:
    """Return what a job returns for a text and its picture."""
    used = drawing.used if drawing else draft.used
    metadata = ProcessingMetadata(
        model_used=draft.model,
        provider=draft.provider,
        processing_time=round(draft.seconds + (drawing.seconds if drawing else 0.0), 3),
        tokens_used=used.tokens,
        used=used,
        repaired=draft.repaired,
        shortened=draft.shortened,
        cut=draft.cut,
        cached=draft.cached,
        image_model=drawing.model if drawing else None,
        image_cached=bool(drawing and drawing.cached),
        notes=(drawing.note,) if drawing and drawing.note else (),
    )
    return GenerationResult(
        generation_type=order.generation_type,
        generated_text=draft.text,
        content=draft.content,
        generated_assets=(drawing.asset,) if drawing and drawing.asset else (),
        review_notes=tuple(revision.notes for revision in revisions),
        processing_metadata=metadata,
    )


def picture_prompt(order: GenerationInput, draft: Draft) -> str:
    """Return what to draw: what the model said a picture should show, else the text it wrote."""
    told = (draft.content or {}).get("imagePrompt")
    return str(told or draft.text)[:4000]
