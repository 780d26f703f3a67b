"""Master keys from the environment or a file: they wrap the tenants' keys, and nothing else.

A key management service of a cloud would be another `KeyWrapper`.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.errors import NotFound
from contracts.keys import KEY_BYTES

NONCE_BYTES = 12


class MasterKeys:
    """A `KeyWrapper` over AES-256-GCM. The first key wraps; all of them unwrap, so that one can follow another.

    Raises:
        ValueError: There is none, or one is not 32 bytes.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) != KEY_BYTES for secret in secrets):
            msg = f"a master key is {KEY_BYTES} bytes, in base64"
            raise ValueError(msg)
        self._ciphers = {_name(secret): AESGCM(secret) for secret in secrets}
        self.name = _name(secrets[0])

    async def wrap(self, secret: bytes, bound_to: str) -> str:
        """Return the secret under the first master key; it can be unwrapped for the same owner only."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._ciphers[self.name].encrypt(nonce, secret, bound_to.encode())
        return f"{self.name}.{base64.b64encode(sealed).decode()}"

    async def unwrap(self, wrapped: str, bound_to: str) -> bytes:
        """Return the secret.

        Raises:
            NotFound: It is under a master key that is not here, or was not wrapped for this owner.
        """
        name, _, text = wrapped.partition(".")
        if name not in self._ciphers:
            msg = f"the master key '{name}' is not among those given"
            raise NotFound(msg)
        sealed = base64.b64decode(text)
        try:
            return self._ciphers[name].decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
        except InvalidTag as error:
            msg = f"a wrapped key of '{bound_to}' was altered, or is another's"
            raise NotFound(msg) from error


def master_keys(text: str) -> MasterKeys:
    """Return the keys in a text: base64, separated by commas or white space; the first one wraps.

    Raises:
        ValueError: The text is something else.
    """
    try:
        return MasterKeys([base64.b64decode(part, validate=True) for part in text.replace(",", " ").split()])
    except binascii.Error as error:
        msg = f"a master key is {KEY_BYTES} bytes, in base64"
        raise ValueError(msg) from error


def _name(secret: bytes) -> str:
    return "m" + hashlib.sha256(b"spaces master key name" + secret).hexdigest()[:12]
