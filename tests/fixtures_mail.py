"""A real SMTP server for tests, which keeps what it takes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from temporal.devserver import free_port


@dataclass
class MailServer:
    """A running server. `refusing`: what it answers instead of taking an e-mail."""

    url: str
    taken: list[EmailMessage] = field(default_factory=list)
    refusing: str | None = None

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802  the server's own name
        """Take an e-mail. Any: the server's session and envelope."""
        if self.refusing:
            return self.refusing
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A server on this machine, without TLS."""
    port = free_port(0, "SMTP", print)
    server = MailServer(f"smtp://127.0.0.1:{port}")
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    yield server
    controller.stop()
