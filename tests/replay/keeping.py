"""Where recorded histories are kept."""

import json
from pathlib import Path
from typing import Any

HISTORIES = Path(__file__).parent / "histories"


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
