"""Model endpoints: the OpenAI-compatible services that an installation asks, as its settings name them. Pure."""

from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from contracts.generation_kinds import ModelUse
from contracts.values import TenantId

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Dollars = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=16)]


class Price(BaseModel):
    """What a model costs, in dollars: per million tokens, and per picture. A dollar per million is a micro per one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars = Decimal(0)
    output: Dollars = Decimal(0)
    picture: Dollars = Decimal(0)

    def cost_micros(self, input_tokens: int, output_tokens: int, pictures: int = 0) -> int:
        """Return the cost in millionths of a dollar, rounded up."""
        tokens = self.input * input_tokens + self.output * output_tokens
        return int((tokens + self.picture * pictures * 1_000_000).to_integral_value(ROUND_CEILING))


class ModelEndpoint(BaseModel):
    """One endpoint. Endpoints are asked in their order: the next one when the one before cannot.

    model: writes everything that `models` says nothing else about; image_model: draws; without one it is not asked to
    json_schema: `strict` for OpenAI's subset, `bounded` for servers that follow all of JSON Schema (llama.cpp, vLLM),
    `none` for those that follow none: then the schema only stands in the prompt
    tenant_keys: a tenant's own key, in the place of `key`
    prices: by model; a model without one costs nothing that we know of
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^\s]+$", max_length=500)
    name: str | None = Field(default=None, min_length=1, max_length=60)
    key: SecretStr | None = None
    tenant_keys: dict[TenantId, SecretStr] = Field(default_factory=dict)
    model: ModelName | None = None
    models: dict[ModelUse, ModelName] = Field(default_factory=dict)
    image_model: ModelName | None = None
    json_schema: Literal["strict", "bounded", "none"] = "strict"
    timeout_seconds: float = Field(default=120, gt=0, le=600)
    prices: dict[ModelName, Price] = Field(default_factory=dict)

    @property
    def called(self) -> str:
        """Its name, else its host."""
        return self.name or urlsplit(self.url).hostname or self.url
