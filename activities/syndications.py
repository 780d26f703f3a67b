"""Syndication steps: post on one platform, once.

What the platform refuses for good is an outcome, not an error: it holds up no other platform. Raised is only what may
work later.
"""

import hashlib
from collections.abc import Mapping

from temporalio import activity

from activities.fitting import fit
from contracts.errors import InvalidInput, NotFound, Rejected, Unauthorized
from contracts.ports import BlobStore
from contracts.social_ports import (
    PictureCopier,
    Post,
    PostLimits,
    PostPicture,
    SocialAccount,
    SocialAccounts,
    SocialNetwork,
)
from contracts.syndications import PlatformOutcome, PostInput
from contracts.values import upload_key


class SyndicationActivities:
    """The one step of a syndication job."""

    def __init__(
        self,
        blobs: BlobStore,
        social_accounts: SocialAccounts,
        networks: Mapping[str, SocialNetwork],
        copier: PictureCopier,
    ) -> None:
        self._blobs = blobs
        self._accounts = social_accounts
        self._networks = networks
        self._copier = copier

    @activity.defn(name="syndications.post")
    async def post(self, step: PostInput) -> PlatformOutcome:
        """Post on one platform, and return what became of it.

        Safe to run twice, at once or one after the other: the key is made from the job and the account, and a platform
        makes one post of all that comes with one key. Pictures that a lost attempt had uploaded are in no post, and
        the platforms remove them by themselves.

        Raises:
            RateLimited: The platform said when to come back.
            Unavailable: The platform, the store or the database did not answer.
        """
        attempts = activity.info().attempt
        name = step.account
        try:
            account = await self._accounts.find(step.tenant_id, step.platform, step.account)
            name = account.name
            return (await self._posted(step, account)).model_copy(update={"attempts": attempts})
        except Rejected as error:
            return PlatformOutcome(
                platform=step.platform, account=name, success=False, error=str(error), attempts=attempts
            )

    async def _posted(self, step: PostInput, account: SocialAccount) -> PlatformOutcome:
        network = self._networks[step.platform]
        try:
            limits = await network.limits(account)
            fitted = fit(step.content, limits.text, shorten=step.on_too_long == "shorten")
            post = Post(key_of(step, account), step.began_at, fitted.text, await self._pictures(step, limits))
            receipt = await network.post(account, post)
        except Unauthorized as error:
            await self._accounts.note(account, str(error))
            raise
        if account.rejected:
            await self._accounts.note(account, None)
        return PlatformOutcome(
            platform=step.platform,
            account=account.name,
            success=True,
            post_id=receipt.post_id,
            url=receipt.url,
            text=receipt.text,
            shortened=fitted.shortened,
        )

    async def _pictures(self, step: PostInput, limits: PostLimits) -> list[PostPicture]:
        """Return copies of the images that the platform takes; of all copies the metadata are gone.

        Raises:
            InvalidInput: One is no picture, or is no longer in the store.
        """
        alts = [*step.content.alt_texts, *[""] * len(step.content.images)]
        found = []
        for place, (upload_id, alt) in enumerate(zip(step.content.images, alts, strict=False), start=1):
            try:
                image = await self._blobs.get(upload_key(step.tenant_id, upload_id))
            except NotFound:
                raise InvalidInput(f"image {place} is no longer in the store") from None
            copy = await self._copier.copy(image, limits.image_bytes, limits.image_px)
            if isinstance(copy, str):
                raise InvalidInput(f"image {place} cannot be posted: {copy}")
            shown = alt[: limits.alt_characters]
            found.append(PostPicture(copy.data, copy.width_px, copy.height_px, shown))
        return found


def key_of(step: PostInput, account: SocialAccount) -> str:
    """Return the key of a job's post on an account; it tells others nothing."""
    named = "\n".join((step.job_id, step.platform, account.name))
    return hashlib.sha256(named.encode()).hexdigest()
