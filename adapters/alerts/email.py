"""E-mail: alerts by SMTP."""

import ssl
from collections.abc import Sequence
from email.message import EmailMessage

import aiosmtplib
import httpx

from contracts.alerts import AlertNews
from contracts.errors import Unavailable

TIMEOUT_SECONDS = 20.0


class EmailChannel:
    """An `AlertChannel` over an SMTP server; TLS from the start with `smtps`, else as soon as the server offers it."""

    name = "email"

    def __init__(self, url: str, sender: str, to: Sequence[str], verify: ssl.SSLContext | None = None) -> None:
        self._url = httpx.URL(url)
        self._sender = sender
        self._to = list(to)
        self._verify = verify

    async def tell(self, message_id: str, news: Sequence[AlertNews]) -> None:
        """Send one e-mail; its Message-ID is the id, so that a mailbox shows a repeat once.

        Raises:
            Unavailable: The server did not take it, or did not answer in time.
        """
        implicit = self._url.scheme == "smtps"
        try:
            await aiosmtplib.send(
                self._message(message_id, news),
                hostname=self._url.host,
                port=self._url.port or (465 if implicit else 25),
                username=self._url.username or None,
                password=self._url.password or None,
                use_tls=implicit,
                tls_context=self._verify,
                timeout=TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            code = f" {error.code}" if isinstance(error, aiosmtplib.SMTPResponseException) else ""
            msg = f"{self._url.host} did not take the e-mail: {type(error).__name__}{code}"
            raise Unavailable(msg) from None

    def _message(self, message_id: str, news: Sequence[AlertNews]) -> EmailMessage:
        first, more = news[0].line, len(news) - 1
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = f"{first[:150]}{f' (and {more} more)' if more else ''}"
        message["Message-ID"] = f"<{message_id}@spaces-queue>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(map(_paragraph, news)) + "\n")
        return message


def _paragraph(news: AlertNews) -> str:
    alert = news.alert
    since = f"since {alert.created_at:%Y-%m-%d %H:%M:%S} UTC"
    until = f" until {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC" if alert.resolved_at else ""
    return f"{news.line}\n{alert.kind}, {since}{until}, {alert.id}"
