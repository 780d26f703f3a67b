"""Settings, from the environment. Read only by the entry points and `adapters/build.py`."""

import base64
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from contracts.model_endpoints import ModelEndpoint

ADMIN_KEY_FILE = "admin.key"
SESSION_KEY_FILE = "session.key"
MASTER_KEY_FILE = "master.key"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?<!:)")


class Settings(BaseSettings):
    """All settings of a process; each is `SPACES_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SPACES_", extra="ignore")

    env: Literal["development", "production"] = "development"
    data_dir: Path = Field(default=Path(".spaces"), description="databases, uploads and keys of this machine")
    database_url: str | None = Field(default=None, description="postgresql+asyncpg://… or sqlite; SQLite in data_dir")
    object_store_url: str | None = Field(default=None, description="file://…, s3://bucket/prefix; a folder in data_dir")
    admin_key: SecretStr | None = Field(default=None, description="the platform admin's key; made at first start")
    session_secret: SecretStr | None = Field(
        default=None, min_length=24, description="signs the dashboard's sessions; made at first start"
    )
    master_key: SecretStr | None = Field(
        default=None, description="32 bytes in base64 that wrap the tenants' keys; several: the first wraps"
    )
    master_key_file: Path | None = Field(default=None, description="a file with it; made in data_dir at first start")
    payload_secret: SecretStr | None = Field(
        default=None, min_length=16, description="Payload's own secret: its users' tokens are understood"
    )
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    temporal_ui_url: str | None = Field(default=None, description="where people find the Temporal Web UI")
    traces_url: str | None = Field(default=None, description="where people find a job's traces, with {jobId} in it")
    cors_origins: str = Field(
        default="", description="whose pages may call the API from a browser: https://…, with commas"
    )
    upload_limit_mb: int = Field(default=25, ge=1, le=1024)
    body_seconds: float = Field(default=30.0, ge=1, description="how long a body may take; a large one longer")
    streams_per_key: int = Field(default=100, ge=1, description="streams a key may have open, in each API process")
    submit_per_minute: int = Field(
        default=20_000, ge=1, description="jobs a tenant may submit, if not decided otherwise"
    )
    max_pending: int = Field(default=20_000, ge=1, description="jobs of a tenant that may wait to begin, likewise")
    transparency_tenants: int = Field(default=3, ge=1, description="tenants behind a figure that anybody may see")
    metrics_without_key: bool | None = Field(
        default=None, description="may anybody read /metrics; without a word only in development"
    )
    worker_metrics: str | None = Field(default=None, description="where a worker serves the SDK's metrics: host:port")
    limits_url: str | None = Field(default=None, pattern=r"^async\+redis", description="Redis that counts submissions")
    allow_private_urls: bool = Field(default=False, description="may fetched and told URLs be at private addresses")
    stripe_secret_key: SecretStr | None = Field(default=None, description="sk_live_… or rk_live_…; test keys for tests")
    stripe_webhook_secret: SecretStr | None = Field(default=None, description="whsec_…, of the webhook endpoint")
    stripe_api_url: str | None = Field(default=None, pattern=r"^https?://", description="of a Stripe emulator")
    news_pause_seconds: float = Field(default=1.0, ge=0, le=5, description="between two requests to one host for news")
    news_contact: str | None = Field(
        default=None, max_length=200, pattern=r"^[\x21-\x7e]+$", description="URL or e-mail in the user agent for news"
    )
    ai_providers: tuple[ModelEndpoint, ...] | None = Field(
        default=None, max_length=20, description="AI endpoints in the order they are asked, as JSON; see docs/ai.md"
    )
    embeddings: bool = Field(default=True, description="compare names by meaning where `make embeddings` was run")
    worker_concurrency: int | None = Field(default=None, ge=1, le=1000, description="steps at once per job type")
    drain_seconds: float = Field(default=30.0, ge=0, description="how long a stopping worker lets steps finish")
    ageing_seconds: float = Field(default=600.0, ge=0, description="waiting so long raises a job's priority")
    upkeep_seconds: float = Field(default=5.0, ge=0.05, description="pause between two turns of the upkeep")
    retention_days_completed: int = Field(default=30, ge=1, le=36_500, description="how long completed jobs are kept")
    retention_days_cancelled: int = Field(default=30, ge=1, le=36_500, description="how long cancelled jobs are kept")
    retention_days_failed: int = Field(default=90, ge=1, le=36_500, description="how long failed jobs are kept")
    retention_days_by_type: dict[str, Annotated[int, Field(ge=1, le=36_500)]] = Field(
        default={}, description="how long ended jobs of a type are kept, instead of what their status says"
    )
    retention_days_files: int = Field(default=90, ge=31, le=36_500, description="how long unused files are kept")
    smtp_url: SecretStr | None = Field(default=None, description="smtp://user:password@host:587 or smtps://…")
    alert_email_to: str | None = Field(default=None, description="who is told of alerts; by comma")
    alert_email_from: str = Field(default="spaces-queue@localhost", description="sender of those e-mails")
    alert_webhook_url: SecretStr | None = Field(default=None, description="endpoint told of alerts, signed")
    alert_webhook_secret: SecretStr | None = Field(default=None, description="whsec_…: what signs them")
    alert_slack_url: SecretStr | None = Field(default=None, description="incoming webhook of Slack, or one like it")
    alert_severity: Literal["info", "warning", "critical"] = "warning"
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _safe_in_production(self) -> "Settings":
        if self.env == "production" and self.allow_private_urls:
            msg = "SPACES_ALLOW_PRIVATE_URLS=true is refused in production: it opens the inner network to callers"
            raise ValueError(msg)
        if self.env == "production" and (self.admin_key is None or len(self.admin_key.get_secret_value()) < 24):
            msg = "SPACES_ADMIN_KEY must be set in production, to at least 24 characters"
            raise ValueError(msg)
        if self.env == "production" and self.stripe_api_url:
            msg = "SPACES_STRIPE_API_URL is refused in production: an emulator moves no money"
            raise ValueError(msg)
        if self.env == "production" and self.stripe_secret_key and not _is_live(self.stripe_secret_key):
            msg = "SPACES_STRIPE_SECRET_KEY must be a live key in production (sk_live_… or rk_live_…)"
            raise ValueError(msg)
        if self.env == "production" and self.master_key is None and self.master_key_file is None:
            msg = "SPACES_MASTER_KEY or SPACES_MASTER_KEY_FILE must be set in production: payloads are encrypted"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _whole_channels(self) -> "Settings":
        for one, other in (("smtp_url", "alert_email_to"), ("alert_webhook_url", "alert_webhook_secret")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                msg = f"SPACES_{one.upper()} and SPACES_{other.upper()} go together: one of them alone tells nobody"
                raise ValueError(msg)
        return self

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, given: str) -> str:
        for origin in filter(None, (part.strip() for part in given.split(","))):
            if not _ORIGIN.fullmatch(origin):
                msg = f"'{origin}' is no origin, which is https://host or https://host:port, without a path"
                raise ValueError(msg)
        return given

    @property
    def origins(self) -> tuple[str, ...]:
        """Whose pages may call the API: those of the setting, and the Temporal Web UI's, which asks for payloads."""
        listed = [part.strip() for part in self.cors_origins.split(",") if part.strip()]
        ui = _ORIGIN.match(self.temporal_ui_url or "")
        return tuple(dict.fromkeys([*listed, *([ui[0]] if ui else [])]))

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'spaces.db'}"

    @property
    def objects(self) -> str:
        """The object store's URL."""
        return self.object_store_url or (self.data_dir.resolve() / "objects").as_uri()

    @property
    def metrics_need_key(self) -> bool:
        """Do only platform keys see the figures for Prometheus."""
        return not (self.env == "development" if self.metrics_without_key is None else self.metrics_without_key)

    def the_admin_key(self) -> str:
        """Return the platform admin's key; without one in the environment it is made once and kept in `data_dir`."""
        if self.admin_key:
            return self.admin_key.get_secret_value()
        return kept_admin_key(self.data_dir)

    def the_session_secret(self) -> str:
        """Return what signs sessions: kept like the admin's key, and another one as soon as that key is another one."""
        kept = self.session_secret.get_secret_value() if self.session_secret else None
        return f"{kept or _kept(self.data_dir, SESSION_KEY_FILE)} {self.the_admin_key()}"

    def the_master_keys(self) -> str:
        """Return the master keys; without a setting one is made once and kept in `data_dir`.

        Raises:
            OSError: The file of the setting cannot be read.
        """
        if self.master_key:
            return self.master_key.get_secret_value()
        if self.master_key_file:
            return self.master_key_file.read_text()
        return _kept(self.data_dir, MASTER_KEY_FILE, lambda: base64.b64encode(secrets.token_bytes(32)).decode())


def _is_live(key: SecretStr) -> bool:
    return key.get_secret_value().startswith(("sk_live_", "rk_live_"))


def kept_admin_key(data_dir: Path) -> str:
    """Return the key kept in the data folder, made at the first call; readable by its owner only."""
    return _kept(data_dir, ADMIN_KEY_FILE)


def _api_key() -> str:
    return f"sq_{secrets.token_urlsafe(32)}"


def _kept(data_dir: Path, name: str, make: Callable[[], str] = _api_key) -> str:
    path = data_dir / name
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=name) as file:  # made with mode 0600
            file.write(make())
            file.flush()
            with suppress(FileExistsError):  # another process was quicker
                os.link(file.name, path)  # whole or not at all
    return path.read_text().strip()


def load_settings(**given: object) -> Settings:
    """Return the settings; what is given and not None goes before the environment.

    Raises:
        SystemExit: A setting is wrong; the message names it.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        named = [("_".join(map(str, e["loc"])).upper(), e["msg"].removeprefix("Value error, ")) for e in error.errors()]
        lines = [f"SPACES_{name}: {words}" if name else words for name, words in named]
        raise SystemExit("wrong settings\n  " + "\n  ".join(lines)) from None
    except SettingsError as error:  # its words name the field, and quote nothing
        raise SystemExit(f"wrong settings\n  {error}") from None
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings
