"""This machine's settings: the data folder, ports, number of workers and the admin's key.

Only what is needed to start the parts; everything else the parts read from the same environment (config.py).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import kept_admin_key
from contracts.errors import InvalidInput


@dataclass(frozen=True)
class Machine:
    """Where a system of this machine lives. `folder` is absolute."""

    folder: Path
    api_port: int = 8000
    temporal_port: int = 7233
    ui_port: int = 8233
    workers: int = 1
    admin_key: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Machine":
        """Return the settings that the environment gives, with the defaults of the HTTP contract.

        Raises:
            InvalidInput: A port or the number of workers is no such number.
        """
        return cls(
            folder=Path(environ.get("SPACES_DATA_DIR") or ".spaces").expanduser().resolve(),
            api_port=_number(environ, "SPACES_API_PORT", cls.api_port, 65535),
            temporal_port=_number(environ, "SPACES_TEMPORAL_PORT", cls.temporal_port, 65535),
            ui_port=_number(environ, "SPACES_UI_PORT", cls.ui_port, 65535),
            workers=_number(environ, "SPACES_WORKERS", cls.workers, 64),
            admin_key=environ.get("SPACES_ADMIN_KEY") or None,
        )

    @property
    def logs(self) -> Path:
        """Where the parts' output goes."""
        return self.folder / "logs"

    def key(self) -> str:
        """Return the admin's key: the given one, or this machine's own, which is made on the first start."""
        return self.admin_key or kept_admin_key(self.folder)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read; a reader finds the old text or the new, never a part of it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    beside.replace(file)


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) > most:
        msg = f"{name} must be a whole number from 0 to {most}, not {value!r}"
        raise InvalidInput(msg)
    return int(value)
