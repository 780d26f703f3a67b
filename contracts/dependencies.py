"""Jobs that wait for jobs: what the steps around it are asked."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from contracts.errors import InvalidInput
from contracts.values import WireModel

REFERENCE = re.compile(r"\{\{\s*(?P<job>[^{}]+?)\.result(?P<path>(?:\.[^.{}\s]+)*)\s*\}\}")
"""`{{job.result.path}}`: a value in the result of another job. A path may lead through lists: `items.0.key`."""

NOT_NEEDED = {"needed": False}
"""The result of a job that was to make up for what others did, when all of them did well or nothing was done."""


class WatchInput(WireModel):
    """Have a job told when others end."""

    job_id: str
    depends_on: tuple[str, ...]


class FillInput(WireModel):
    """Fill a payload from the results of jobs that have ended."""

    template: Any
    depends_on: tuple[str, ...]


def references(template: Any) -> Iterator[str]:
    """Yield the name of every job that a payload's text refers to, with repeats."""
    if isinstance(template, str):
        yield from (match["job"] for match in REFERENCE.finditer(template))
    elif isinstance(template, dict):
        for value in template.values():
            yield from references(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from references(value)


class NotNeeded(Exception):  # noqa: N818  a turn of the story, not an error
    """There is nothing to make up for."""


def renamed(template: Any, names: dict[str, str]) -> Any:
    """Return the payload with every job's name replaced by its id."""

    def rename(match: re.Match[str]) -> str:
        return f"{{{{{names[match['job']]}.result{match['path']}}}}}"

    return _mapped(template, lambda text: REFERENCE.sub(rename, text))


def filled(template: Any, results: dict[str, Any]) -> Any:
    """Return the payload with values in place of references.

    A text that is one reference and nothing else becomes the value itself, of whatever type; a reference inside a
    longer text becomes text.

    Raises:
        InvalidInput: A reference leads nowhere.
    """

    def fill(text: str) -> Any:
        if whole := REFERENCE.fullmatch(text):
            return _value(whole, results)
        return REFERENCE.sub(lambda match: _as_text(_value(match, results)), text)

    return _mapped(template, fill)


def _mapped(template: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(template, str):
        return change(template)
    if isinstance(template, dict):
        return {key: _mapped(value, change) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [_mapped(value, change) for value in template]
    return template


def _value(match: re.Match[str], results: dict[str, Any]) -> Any:
    value = results.get(match["job"])
    for part in match["path"].split(".")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index]  # or it raises
        except (KeyError, IndexError, ValueError, TypeError):
            msg = f"there is no '{match['path'][1:]}' in the result of job '{match['job']}'"
            raise InvalidInput(msg) from None
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
