"""The codec for people: the Temporal Web UI and CLI ask here to have payloads decrypted, within their key's rights."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from api.identity import Caller, Right
from contracts.errors import InvalidInput, NotFound
from contracts.values import PLATFORM
from temporal.codec import codec_of


class CodecDesk:
    """Decrypts and encrypts payloads for callers. codec: None when nothing is encrypted."""

    def __init__(self, codec: PayloadCodec | None) -> None:
        self._codec = codec

    async def decode(self, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payloads, readable where they are of the caller's tenant; others stay as they came.

        Raises:
            Forbidden: The key may not read payloads.
            InvalidInput: The body holds no payloads.
            Unavailable: The keys cannot be read now.
        """
        caller.must(Right.PAYLOADS_READ)
        codec = codec_of(self._codec, caller.sees)
        return _said([await _opened(codec, payload) for payload in _given(body)])

    async def encode(self, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payloads under the key of the caller's tenant, or of the platform's.

        Raises:
            Forbidden: The key may not read payloads.
            InvalidInput: The body holds no payloads.
            Unavailable: The keys cannot be read now.
        """
        caller.must(Right.PAYLOADS_READ)
        codec, payloads = codec_of(self._codec, caller.sees or PLATFORM), _given(body)
        return _said(await codec.encode(payloads) if codec and payloads else payloads)


async def _opened(codec: PayloadCodec | None, payload: Payload) -> Payload:
    try:
        return (await codec.decode([payload]))[0] if codec else payload
    except NotFound:
        return payload


def _given(body: Mapping[str, Any]) -> list[Payload]:
    try:
        return list(ParseDict(dict(body), Payloads(), ignore_unknown_fields=True).payloads)
    except ParseError:
        msg = "the body is not {'payloads': [{'metadata': {…}, 'data': …}]} with values in base64"
        raise InvalidInput(msg, (("payloads", msg),)) from None


def _said(payloads: list[Payload]) -> dict[str, Any]:
    return {"payloads": [], **MessageToDict(Payloads(payloads=payloads))}
