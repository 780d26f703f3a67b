"""What production refuses at start: what is for development, said with the setting's name."""

from typing import Any

import pytest
from pydantic import ValidationError

from config import Settings

SAFE: dict[str, Any] = {
    "env": "production",
    "admin_key": "k" * 24,
    "master_key": "A" * 43 + "=",
    "stripe_secret_key": "sk_live_1",
}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"stripe_secret_key": "sk_test_1"}, "SPACES_STRIPE_SECRET_KEY"),
        ({"stripe_secret_key": "rk_test_1"}, "SPACES_STRIPE_SECRET_KEY"),
        ({"stripe_secret_key": "whatever"}, "SPACES_STRIPE_SECRET_KEY"),
        ({"stripe_api_url": "http://127.0.0.1:8420"}, "SPACES_STRIPE_API_URL"),
        ({"allow_private_urls": True}, "SPACES_ALLOW_PRIVATE_URLS"),
        ({"admin_key": "short"}, "SPACES_ADMIN_KEY"),
        ({"admin_key": None}, "SPACES_ADMIN_KEY"),
        ({"master_key": None}, "SPACES_MASTER_KEY"),
    ],
)
def test_production_refuses_what_is_for_development(given: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**SAFE | given)


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", None])
def test_production_starts_with_live_keys_or_none(key: str | None) -> None:
    assert Settings(**SAFE | {"stripe_secret_key": key}).env == "production"
