"""The codec for people: the Temporal Web UI and CLI ask here to have payloads decrypted, within their key's rights."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from api.audit import AuditTrail
from api.identity import Caller, Right
from contracts.errors import InvalidInput, NotFound
from contracts.values import PLATFORM
from temporal.codec import codec_of, key_of


class CodecDesk:
    """Decrypts and encrypts payloads for callers. codec: None when nothing is encrypted."""

    def __init__(self, codec: PayloadCodec | None, trail: AuditTrail) -> None:
        self._codec = codec
        self._trail = trail

    async def decode(self, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payloads, readable where they are of the caller's tenant; others stay as they came.

        The audit log is told of those that were decrypted, by the names of their keys.

        Raises:
            Forbidden: The key may not read payloads.
            InvalidInput: The body holds no payloads.
            Unavailable: The keys cannot be read now.
        """
        caller.must(Right.PAYLOADS_READ)
        codec, given = codec_of(self._codec, caller.sees), _given(body)
        told = [await _opened(codec, payload) for payload in given]
        opened = [key_of(before) for before, after in zip(given, told, strict=True) if before is not after]
        if opened:
            await self._trail.decoded(caller, opened)
        return _said(told)

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
