"""Social accounts: what posts are made with, on each platform."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.context import Here, Who
from api.pages import Page
from api.social_accounts import SocialAccountBody, SocialAccountView
from contracts.syndications import AccountName, Platform

router = APIRouter(prefix="/v1/social-accounts", tags=["social accounts"])

Name = Annotated[AccountName, Path(alias="account")]


@router.get("", summary="List a tenant's accounts")
async def list_accounts(here: Here, who: Who) -> Page[SocialAccountView]:
    """Return a tenant's accounts, at most fifty and so on one page, without what they sign in with."""
    return Page[SocialAccountView](items=list(await here.social_accounts.list(who)))


@router.get("/{platform}/{account}", summary="Look at an account")
async def get(platform: Platform, account: Name, here: Here, who: Who) -> SocialAccountView:
    """Return an account, without what it signs in with."""
    return await here.social_accounts.get(who, platform, account)


@router.put("/{platform}/{account}", summary="Give an account")
async def put(platform: Platform, account: Name, body: SocialAccountBody, here: Here, who: Who) -> SocialAccountView:
    """Keep an account, in the place of one of the same name. A job's `accounts` names it; `default` is the usual one.

    Its server is not asked: whether the platform takes the account is seen when something is posted.
    """
    return await here.social_accounts.put(who, platform, account, body)


@router.delete("/{platform}/{account}", status_code=204, summary="Forget an account")
async def delete(platform: Platform, account: Name, here: Here, who: Who) -> None:
    """Forget an account, and what it signed in with."""
    await here.social_accounts.delete(who, platform, account)
