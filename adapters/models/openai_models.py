"""Models behind any OpenAI-compatible endpoint, by the official client with its own retries off.

Translates questions, answers and errors, and decides nothing: who is asked next, and when again, is the step's matter.
"""

import asyncio
import base64
import binascii
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk
from PIL import Image

from adapters.models.errors import refused, translated
from contracts.errors import Declined, Unconfirmed, Unsupported
from contracts.generation_kinds import ModelUse, OtherUse
from contracts.generation_ports import Answer, Heard, Message, Picture, Question
from contracts.model_endpoints import ModelEndpoint
from contracts.model_errors import CONTENT_POLICY

CONNECT_SECONDS = 10.0
ANEW = httpx2.Limits(max_keepalive_connections=0)
"""A connection for each call. A kept one may be closed by the server just as it is used: nobody knows then whether the
call was taken, and it counts as paid. Seen once in a hundred calls to llama.cpp; calls take seconds, a connection none.
"""
BOUNDS = ("maxLength", "minLength", "maxItems", "minItems", "pattern")
"""Words of JSON Schema that OpenAI's subset does not have; the answer is checked against them afterwards."""
SEEING = {OtherUse.PHOTO_READING}
"""Uses that the endpoint's usual model is not asked for: many models cannot see, and some say what they do not see."""
_SIGNATURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"RIFF", "image/webp"))


class OpenAiModels:
    """A `ModelProvider` over one endpoint."""

    def __init__(self, endpoint: ModelEndpoint) -> None:
        self.name = endpoint.called
        self._endpoint = endpoint
        self._keys = {tenant: key.get_secret_value() for tenant, key in endpoint.tenant_keys.items()}
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key.get_secret_value() if endpoint.key else "none",
            max_retries=0,
            timeout=openai.Timeout(endpoint.timeout_seconds, connect=CONNECT_SECONDS),
            http_client=openai.DefaultAsyncHttpxClient(limits=ANEW),
        )

    @property
    def image_model(self) -> str | None:
        """The model that draws; None when this endpoint is not to be asked."""
        return self._endpoint.image_model

    def model_for(self, kind: ModelUse) -> str | None:
        """Return the model that the settings name for this; None when they name none."""
        usual = None if kind in SEEING else self._endpoint.model
        return self._endpoint.models.get(kind, usual)

    def cost_micros(self, model: str, input_tokens: int, output_tokens: int, pictures: int = 0) -> int | None:
        """Return the cost by the price in the settings; None without one."""
        price = self._endpoint.prices.get(model)
        return None if price is None else price.cost_micros(input_tokens, output_tokens, pictures)

    async def write(self, question: Question, heard: Heard) -> Answer:
        """Return the answer, streamed; see `ModelProvider.write`."""
        pieces, end, usage = [], None, None
        async with self._calling():
            stream = await self._of(question.tenant_id).chat.completions.create(**self._request(question))
            async with stream:
                async for chunk in stream:
                    usage = chunk.usage or usage
                    for piece, finished in _pieces(chunk):
                        end = finished or end
                        if piece:
                            pieces.append(piece)
                            heard(piece)
        if end == "content_filter":
            msg = f"{self.name} stopped its answer: its filter found something it does not allow"
            raise Declined(msg, CONTENT_POLICY)
        if end is None:  # a connection that is cut in mid-answer may look like its end
            msg = f"{self.name} broke its answer off"
            raise Unconfirmed(msg)
        said = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
        return Answer("".join(pieces), end != "length", *said)

    async def draw(self, tenant_id: str, model: str, prompt: str) -> Picture:
        """Return a picture; see `ModelProvider.draw`."""
        asked: dict[str, Any] = {"model": model, "prompt": prompt, "n": 1}
        if not model.startswith("gpt-image"):  # these answer so by themselves, and refuse to be asked
            asked["response_format"] = "b64_json"
        async with self._calling():
            answer = await self._of(tenant_id).images.generate(**asked)
        encoded = answer.data[0].b64_json if answer.data else None
        if not encoded:
            msg = f"{self.name} does not send its pictures as data, only by address"
            raise Unsupported(msg)
        usage = getattr(answer, "usage", None)
        said = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
        data = _decoded(encoded, self.name)
        return Picture(data, _type_of(data), _size_px(data), *said)

    async def close(self) -> None:
        """Give back all connections."""
        await self._client.close()

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[None]:
        """Bound a call in time, and translate what it raises."""
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                yield
        except TimeoutError as error:
            msg = f"{self.name} did not finish its answer within {self._endpoint.timeout_seconds:.0f} s"
            raise Unconfirmed(msg) from error
        except openai.OpenAIError as error:
            raise translated(error, self.name) from error

    def _of(self, tenant_id: str) -> openai.AsyncOpenAI:
        key = self._keys.get(tenant_id)
        return self._client.with_options(api_key=key) if key else self._client

    def _request(self, question: Question) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": each.role, "content": _content(each)} for each in self._messages(question)],
            "max_tokens": question.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if _thinks(question.model):  # these call it otherwise, and refuse the older name
            request["max_completion_tokens"] = request.pop("max_tokens")
        if question.schema is not None and self._endpoint.json_schema != "none":
            bounded = self._endpoint.json_schema == "bounded"
            schema = question.schema if bounded else _without_bounds(question.schema)
            told = {"name": question.schema_name, "strict": True, "schema": schema}
            request["response_format"] = {"type": "json_schema", "json_schema": told}
        return request

    def _messages(self, question: Question) -> Sequence[Message]:
        """Return the conversation; with the schema in it when the server follows none by itself."""
        if question.schema is None or self._endpoint.json_schema != "none":
            return question.messages
        schema = Message("system", f"The JSON schema of your answer: {json.dumps(question.schema)}")
        return (question.messages[0], schema, *question.messages[1:])


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Return what a turn says as it is sent: in parts where pictures belong to it, each in a data URL."""
    if not message.pictures:
        return message.text
    encoded = (base64.b64encode(picture).decode() for picture in message.pictures)
    shown = [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}} for data in encoded]
    return [{"type": "text", "text": message.text}, *shown]


def _pieces(chunk: ChatCompletionChunk) -> Iterator[tuple[str, str | None]]:
    """Yield each piece of text in a chunk, and why the answer ended when it did.

    Raises:
        Declined: The model says that it will not answer.
    """
    for choice in chunk.choices:
        if refusal := getattr(choice.delta, "refusal", None):
            raise refused(refusal)
        yield choice.delta.content or "", choice.finish_reason


def _thinks(model: str) -> bool:
    return model.startswith(("o1", "o3", "o4", "gpt-5"))


def _without_bounds(schema: Any) -> Any:  # Any: JSON
    if isinstance(schema, Mapping):
        return {name: _without_bounds(part) for name, part in schema.items() if name not in BOUNDS}
    return [_without_bounds(part) for part in schema] if isinstance(schema, list) else schema


def _decoded(encoded: str, name: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        msg = f"{name} sent a picture that is no picture"
        raise Unsupported(msg) from error


def _size_px(data: bytes) -> tuple[int, int] | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _type_of(data: bytes) -> str:
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), "application/octet-stream")
