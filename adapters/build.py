"""The one place that picks real providers for ports, by the settings."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from adapters.alerts.email import EmailChannel
from adapters.alerts.web import SlackChannel, WebhookChannel
from adapters.embeddings import LocalEmbedder, installed
from adapters.fetching.fetcher import HttpFetcher
from adapters.fetching.photos import HttpPhotoFetcher
from adapters.keys.master import master_keys
from adapters.news.reader import LocalNewsReader
from adapters.news.web import RobotsWeb
from adapters.objects.store import ObjectStore
from adapters.payments.none import NoProvider
from adapters.photos.reader import LocalPhotoReader
from adapters.products.matcher import FuzzyMatcher
from adapters.social.asking import ServerAsker
from adapters.social.bluesky import BlueskyNetwork
from adapters.social.mastodon import MastodonNetwork
from adapters.webhooks.sender import HttpWebhooks
from config import Settings
from contracts.alerts import AlertChannel
from contracts.errors import Unavailable
from contracts.generation_ports import ModelProvider
from contracts.keys import KeyWrapper
from contracts.news_ports import HostTurns
from contracts.payment_ports import PaymentProvider, ProviderEvents
from contracts.ports import BlobStore
from contracts.social_ports import SocialNetwork
from contracts.syndications import Platform
from contracts.tasks import beside

NEWS_TIMEOUT = timedelta(seconds=20)
"""How long one feed or page may take: a step fetches robots.txt before it, and both wait for their turn."""


def blob_store(settings: Settings) -> BlobStore:
    """Return the object store that the settings name."""
    return ObjectStore(settings.objects)


def alert_channels(settings: Settings) -> list[AlertChannel]:
    """Return the ways to tell people of alerts that the settings name."""
    channels: list[AlertChannel] = []
    if settings.smtp_url and settings.alert_email_to:
        to = [address.strip() for address in settings.alert_email_to.split(",") if address.strip()]
        channels.append(EmailChannel(settings.smtp_url.get_secret_value(), settings.alert_email_from, to))
    if settings.alert_webhook_url and settings.alert_webhook_secret:
        secret = settings.alert_webhook_secret.get_secret_value()
        channels.append(WebhookChannel(settings.alert_webhook_url.get_secret_value(), secret))
    if settings.alert_slack_url:
        channels.append(SlackChannel(settings.alert_slack_url.get_secret_value()))
    return channels


def key_wrapper(settings: Settings) -> KeyWrapper:
    """Return the master keys that the settings name.

    Raises:
        SystemExit: They are no keys, or their file cannot be read.
    """
    try:
        return master_keys(settings.the_master_keys())
    except (ValueError, OSError) as error:
        msg = f"SPACES_MASTER_KEY or SPACES_MASTER_KEY_FILE: {error}"
        raise SystemExit(msg) from None


def webhooks(settings: Settings) -> HttpWebhooks:
    """Return what calls the endpoints that callers registered, and checks their addresses."""
    return HttpWebhooks(allow_private=settings.allow_private_urls)


@asynccontextmanager
async def step_providers(
    settings: Settings, blobs: BlobStore, processors: int, turns: HostTurns | None = None
) -> AsyncIterator[dict[str, object]]:
    """Give the providers of all job types' steps, by the names their constructors use.

    turns: whose turn it is at the servers of feeds, for all workers; without one each process decides for itself
    """
    limit_bytes = settings.upload_limit_mb * 1024 * 1024
    fetcher = HttpPhotoFetcher(allow_private=settings.allow_private_urls, limit_bytes=limit_bytes)
    reader = LocalPhotoReader(max_workers=processors)
    news = LocalNewsReader(max_workers=processors)
    money, models = payment_provider(settings), model_providers(settings)
    embedder = LocalEmbedder() if settings.embeddings and installed() else None
    try:
        async with beside(_warm(reader)):
            yield {
                "blobs": blobs,
                "reader": reader,
                "fetcher": fetcher,
                "matcher": FuzzyMatcher(embedder),
                "web": polite_web(settings, news, turns),
                "news": news,
                "writer": None,
                "seer": None,
                "money": money,
                "models": models,
                "networks": social_networks(settings),
                "copier": reader,
            }
    finally:
        await money.close()
        for model in models:
            await model.close()
        if embedder:
            await embedder.close()
        await news.close()
        await reader.close()


def polite_web(settings: Settings, reader: LocalNewsReader, turns: HostTurns | None) -> RobotsWeb:
    """Return what fetches feeds and articles as their owners want it."""
    fetcher = HttpFetcher(settings.allow_private_urls, total_timeout=NEWS_TIMEOUT)
    pause = timedelta(seconds=settings.news_pause_seconds)
    return RobotsWeb(fetcher, reader.allows, pause, settings.news_contact, turns)


def payment_provider(settings: Settings) -> PaymentProvider:
    """Return Stripe when it is configured, else a provider that keeps all payments waiting."""
    if settings.stripe_secret_key is None:
        return NoProvider()
    from adapters.payments.stripe_provider import StripeProvider  # a large package, for those who use it

    return StripeProvider(settings.stripe_secret_key.get_secret_value(), settings.stripe_api_url)


def model_providers(settings: Settings) -> Sequence[ModelProvider]:
    """Return the AI endpoints that the settings name, in the order they are asked; none when they name none."""
    if not settings.ai_providers:
        return ()
    from adapters.models.openai_models import OpenAiModels  # as above

    return [OpenAiModels(endpoint) for endpoint in settings.ai_providers]


def social_networks(settings: Settings) -> dict[str, SocialNetwork]:
    """Return what posts on social platforms, by the platform's name."""
    asker = ServerAsker(allow_private=settings.allow_private_urls)
    return {Platform.BLUESKY: BlueskyNetwork(asker), Platform.MASTODON: MastodonNetwork(asker)}


def provider_events(settings: Settings) -> ProviderEvents:
    """Return the reader of Stripe's webhooks."""
    from adapters.payments.stripe_events import StripeEvents  # as above

    secret = settings.stripe_webhook_secret
    return StripeEvents(secret.get_secret_value() if secret else None)


async def _warm(reader: LocalPhotoReader) -> None:
    """Load the models once before the first photo comes; when that fails, the photo's own step says so."""
    with suppress(Unavailable):
        await reader.warm_up()
