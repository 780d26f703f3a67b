"""The rules of the house that no linter knows: names of job types, sizes, and what must not stand in a file."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from adapters.build import step_providers
from adapters.objects.store import ObjectStore
from config import Settings
from contracts.jobs import JobPayload
from contracts.repair import SYSTEM_QUEUE
from examples.word_count.register import WORD_COUNT
from readmodel.database import Database
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.registry import JOB_TYPES, JobType
from temporal.workers import QUEUES, build_worker
from tests.fixtures_queue import system_providers
from worker import generation_providers, news_providers, payment_providers, social_providers
from workflows.job import JobWorkflow

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(file.parent for file in ROOT.glob("*/__init__.py"))
LONGEST_FILE, LONGEST_FUNCTION = 500, 80

SOURCES = sorted({*(file for room in ROOMS for file in room.rglob("*.py")), *ROOT.glob("*.py")})
WRITTEN = sorted(
    file
    for pattern in ("*.md", "*.toml", "*.yml", "Makefile", "docs/**/*.md", "tests/**/*.py", "tests/**/*.json")
    for file in ROOT.glob(pattern)
)


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


every_job_type = pytest.mark.parametrize("job_type", [*JOB_TYPES.values(), WORD_COUNT], ids=lambda kind: kind.name)


def steps_of(job_type: JobType) -> list[str]:
    """Return the Temporal names of the job type's steps."""
    found = [getattr(method, "__temporal_activity_definition", None) for method in vars(job_type.activities).values()]
    return [definition.name for definition in found if definition]


# -- job types ----------------------------------------------------------------------------------------------------


@every_job_type
def test_a_job_type_has_one_name_everywhere(job_type: JobType) -> None:
    definition = getattr(job_type.workflow, "__temporal_workflow_definition")
    noun = job_type.payload.__name__.removesuffix("Input")

    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", job_type.name)
    assert definition.name == job_type.name
    assert (job_type.workflow.__name__, job_type.activities.__name__) == (f"{noun}Workflow", f"{noun}Activities")
    assert issubclass(job_type.workflow, JobWorkflow)
    assert issubclass(job_type.payload, JobPayload)


@pytest.mark.parametrize("job_type", JOB_TYPES.values(), ids=lambda kind: kind.name)
def test_a_job_type_is_one_noun_in_every_room(job_type: JobType) -> None:
    modules = [kind.__module__ for kind in (job_type.payload, job_type.workflow, job_type.activities)]
    noun = modules[0].partition(".")[2]

    assert modules == [f"{room}.{noun}" for room in ("contracts", "workflows", "activities")]


@every_job_type
def test_steps_are_named_noun_dot_verb_with_one_noun(job_type: JobType) -> None:
    steps = steps_of(job_type)

    assert steps
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", step) for step in steps)
    assert len({step.partition(".")[0] for step in steps}) == 1


@every_job_type
def test_a_step_takes_one_model_and_has_a_docstring(job_type: JobType) -> None:
    for name, method in vars(job_type.activities).items():
        if hasattr(method, "__temporal_activity_definition"):
            assert list(inspect.signature(method).parameters) == ["self", "step"], name
            assert method.__doc__, name


def test_no_two_job_types_share_a_name_or_a_step() -> None:
    kinds = JOB_TYPES.values()
    names = [name for kind in kinds for name in (kind.name, *kind.aliases)]
    steps = [step for kind in kinds for step in steps_of(kind)]

    assert list(JOB_TYPES) == [kind.name for kind in kinds]
    assert len(names) == len(set(names))
    assert len(steps) == len(set(steps))
    assert SYSTEM_QUEUE not in names


async def test_every_queue_is_served_under_its_own_name_with_known_providers(client: Client, tmp_path: Path) -> None:
    blobs = ObjectStore("memory://")
    async with step_providers(Settings(data_dir=tmp_path), blobs, processors=1) as providers:
        database = Database(Settings(data_dir=tmp_path).database)
        system = system_providers(client, database)
        told = BufferedHistory(HistoryWriter(database))
        known = {
            **providers,
            **payment_providers(client, database),
            **generation_providers(database, told),
            **news_providers(database),
            **social_providers(database),
            **system,
        }

    workers = [build_worker(client, queue, known, slots=1, drain=timedelta(0)) for queue in QUEUES]

    assert [worker.task_queue for worker in workers] == [*JOB_TYPES, SYSTEM_QUEUE]


# -- files --------------------------------------------------------------------------------------------------------


def test_the_workflows_package_is_empty() -> None:
    assert (ROOT / "workflows" / "__init__.py").read_text() == ""  # what it imports, every workflow start loads


def test_no_folder_of_tests_is_named_like_a_room() -> None:
    rooms = {room.name for room in ROOMS}

    assert not [folder for folder in (ROOT / "tests").rglob("*") if folder.is_dir() and folder.name in rooms]


def test_every_module_says_what_it_is() -> None:
    assert [named(file) for file in SOURCES if is_silent(file)] == []


def is_silent(file: Path) -> bool:
    text = file.read_text()
    return bool(text.strip()) and not ast.get_docstring(ast.parse(text))


def test_files_and_functions_are_short_enough_to_read() -> None:
    assert [(named(file), *long) for file in SOURCES for long in too_long(file)] == []


def too_long(file: Path) -> Iterator[tuple[str, int]]:
    """Yield what is too long in a file, and how many lines it has."""
    text = file.read_text()
    lines = len(text.splitlines())
    if lines > LONGEST_FILE:
        yield "the file", lines
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node.name, lines


MACHINE_PATH = re.compile(r"/(?:work|root|home|Users)/")
NOTE_TO_SELF = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")


@pytest.mark.parametrize("unwanted", [MACHINE_PATH, NOTE_TO_SELF], ids=["machine path", "note to self"])
def test_nothing_written_here_names_a_machine_or_is_left_for_later(unwanted: re.Pattern[str]) -> None:
    found = [(named(file), match[0]) for file in {*SOURCES, *WRITTEN} if (match := unwanted.search(file.read_text()))]

    assert found == []


def broken(rule: Callable[..., Any], *args: Any) -> bool:  # Any: whatever the rule takes
    """Tell whether a rule refuses something."""
    try:
        rule(*args)
    except AssertionError:
        return True
    return False


def test_the_rules_can_fail(tmp_path: Path) -> None:
    class CountInput(JobPayload):
        """Of another noun than the workflow."""

    odd = JobType("wordCount", CountInput, WORD_COUNT.workflow, WORD_COUNT.activities)
    long = tmp_path / "long.py"
    long.write_text("def long():\n" + "    pass\n" * LONGEST_FUNCTION)

    assert broken(test_a_job_type_has_one_name_everywhere, odd)
    assert broken(test_a_job_type_is_one_noun_in_every_room, WORD_COUNT)
    assert is_silent(long)
    assert list(too_long(long)) == [("long", LONGEST_FUNCTION + 1)]
    assert MACHINE_PATH.search("in /" + "home/me")
    assert NOTE_TO_SELF.search("TO" + "DO later")
