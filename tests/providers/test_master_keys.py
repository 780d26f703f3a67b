"""Master keys: what they wrap comes back for its owner only, and one key can follow another."""

import base64
import os

import pytest

from adapters.keys.master import MasterKeys, master_keys
from contracts.errors import NotFound

OLD, NEW = os.urandom(32), os.urandom(32)
SECRET = os.urandom(32)


async def test_what_is_wrapped_comes_back_and_is_not_readable_in_between() -> None:
    keys = MasterKeys([OLD])

    wrapped = await keys.wrap(SECRET, "acme/1")

    assert await keys.unwrap(wrapped, "acme/1") == SECRET
    assert base64.b64encode(SECRET).decode() not in wrapped
    assert wrapped.startswith(f"{keys.name}.")


async def test_it_comes_back_for_nobody_else() -> None:
    keys = MasterKeys([OLD])
    wrapped = await keys.wrap(SECRET, "acme/1")

    with pytest.raises(NotFound, match="altered, or is another's"):
        await keys.unwrap(wrapped, "bolt/1")


async def test_a_newer_key_wraps_and_the_older_one_still_unwraps() -> None:
    wrapped = await MasterKeys([OLD]).wrap(SECRET, "acme/1")
    both = MasterKeys([NEW, OLD])

    assert await both.unwrap(wrapped, "acme/1") == SECRET
    assert await MasterKeys([NEW]).unwrap(await both.wrap(SECRET, "acme/1"), "acme/1") == SECRET
    with pytest.raises(NotFound, match="not among those given"):
        await MasterKeys([NEW]).unwrap(wrapped, "acme/1")


async def test_several_keys_are_read_from_one_text() -> None:
    text = f"{base64.b64encode(NEW).decode()},\n {base64.b64encode(OLD).decode()}\n"

    assert master_keys(text).name == MasterKeys([NEW]).name


@pytest.mark.parametrize("text", ["", "  \n", "short", base64.b64encode(b"x" * 16).decode(), "no base64 at all!"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes, in base64"):
        master_keys(text)
