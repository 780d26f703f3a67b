"""Where recorded histories are kept."""

import json
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import WorkflowFailureError, WorkflowHandle

HISTORIES = Path(__file__).parent / "histories"


StageT = TypeVar("StageT")


async def record_stories(
    kind: str,
    stories: Iterable[Callable[[StageT], Awaitable[WorkflowHandle[Any, Any]]]],
    stage: Callable[[Path], AbstractAsyncContextManager[StageT]],
) -> None:
    """Play every story to its end, each on a stage of its own over an empty folder, and keep its history."""
    for story in stories:
        with tempfile.TemporaryDirectory() as folder:
            async with stage(Path(folder)) as where:
                handle = await story(where)
                with suppress(WorkflowFailureError):
                    await handle.result()
                keep(kind, story.__name__, (await handle.fetch_history()).to_json())


def keep(kind: str, story: str, history: str) -> None:
    """Write one history down, without what names this machine."""
    file, told = HISTORIES / f"{kind}.{story}.json", json.loads(history)
    file.write_text(json.dumps(_without_traces(told), indent=1) + "\n")
    print(f"{file.name}: {len(told['events'])} events")


def _without_traces(part: Any) -> Any:
    """Return any part of a history without stack traces: they name folders of the machine it was recorded on."""
    if isinstance(part, dict):
        return {name: _without_traces(value) for name, value in part.items() if name != "stackTrace"}
    return [_without_traces(value) for value in part] if isinstance(part, list) else part
