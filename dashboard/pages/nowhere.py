"""What stands at an address where there is no page."""

from contracts.errors import NotFound
from dashboard.tab import Tab


async def build(tab: Tab) -> None:
    """Say that there is no such page.

    Raises:
        NotFound: Always.
    """
    msg = f"no page '{tab.request.url.path[:200]}'"
    raise NotFound(msg)
