"""The front page leads to the dashboard."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=RedirectResponse)
async def root() -> str:
    """Lead to the dashboard."""
    return "/dashboard/"
