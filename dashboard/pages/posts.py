"""Where a job has posted: one row per platform, with a link to the post or the words of the refusal."""

from collections.abc import Mapping
from typing import Any

from dashboard.parts.table import Column, Row
from dashboard.words import count

TYPE = "social_syndication"
COLUMNS = (
    Column("platform", "Platform"),
    Column("account", "Account", "mono"),
    Column("state", "Outcome", "status"),
    Column("post", "Post", "link"),
    Column("told", "In words", style="long"),
    Column("attempts", "Attempts", "number"),
)


def post_rows(result: Any) -> list[Row]:
    """Return a row of `COLUMNS` for each platform in a job's result, as it is on the wire; none when it has none."""
    outcomes = result.get("results", ()) if isinstance(result, Mapping) else ()
    return [_row(outcome) for outcome in outcomes]


def _row(outcome: Mapping[str, Any]) -> Row:
    url = outcome["url"]
    return {
        "id": outcome["platform"],
        "platform": outcome["platform"],
        "account": outcome["account"] or "",
        "state": "done" if outcome["success"] else "refused",
        "post": {"text": outcome["postId"], "href": url, "title": url} if url else None,
        "told": outcome["error"] or _words(outcome),
        "attempts": outcome["attempts"],
    }


def _words(outcome: Mapping[str, Any]) -> str:
    letters = count(len(outcome["text"] or ""), "character")
    return f"{letters}, shortened to fit" if outcome["shortened"] else letters
