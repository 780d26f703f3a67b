"""The front page: a placeholder for the dashboard that says where to look meanwhile."""

import html

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse

from api.context import Here

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Spaces Queue</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 42rem; margin: 12vh auto; padding: 0 1rem; }}
a {{ color: light-dark(#0b57d0, #a8c7fa); }} li {{ margin: .4rem 0; }} code {{ font-size: .9em; }}
</style></head><body>
<h1>Spaces Queue</h1>
<p>The queue is running. The dashboard will stand here; until then:</p>
<ul>
<li><a href="/docs">API documentation</a>, to try every call with your key</li>
<li><a href="/readyz">Readiness</a>, dependency by dependency</li>
{ui}
</ul></body></html>"""


@router.get("/", response_class=RedirectResponse)
async def root() -> str:
    """Lead to the dashboard."""
    return "/dashboard"


@router.get("/dashboard", response_class=HTMLResponse)
async def dashboard(here: Here) -> str:
    """Return the placeholder."""
    url = here.temporal_ui_url
    link = f'<li><a href="{html.escape(url)}">Temporal Web UI</a>, every job as a workflow</li>' if url else ""
    return _PAGE.format(ui=link)
