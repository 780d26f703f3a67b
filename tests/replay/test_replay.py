"""Jobs that began under older code must still go on: every stored history replays under the code of today."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from adapters.objects.store import ObjectStore
from temporal.plugin import queue_plugin
from temporal.registry import JOB_TYPES
from tests.replay.changed import OneByOne

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


def replayer(*workflows: type) -> Replayer:
    return Replayer(workflows=workflows, plugins=[queue_plugin(ObjectStore("memory://"))])


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_stored_history_replays(file: Path) -> None:
    await replayer(*(job_type.workflow for job_type in JOB_TYPES.values())).replay_workflow(history(file))


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_history_was_recorded_whole_and_names_no_machine(file: Path) -> None:
    text = file.read_text()

    assert "spaces-objects" not in text  # no payload lies in an object store that is gone
    assert "stackTrace" not in text


@pytest.mark.parametrize("name", JOB_TYPES)
def test_every_job_type_has_stored_histories(name: str) -> None:
    assert [file for file in HISTORIES if file.name.split(".")[0] == name]


async def test_a_story_with_other_steps_is_caught() -> None:
    plain = next(file for file in HISTORIES if file.stem == "photo_processing.plain")

    with pytest.raises(NondeterminismError):
        await replayer(OneByOne).replay_workflow(history(plain))
