"""The documentation is true where a test can tell: tests, files, settings, rights, limits; and it needs no network."""

import re
from pathlib import Path

import pytest

from api.identity import ROLES, Right
from config import Settings
from temporal.large_payloads import THRESHOLD_BYTES
from temporal.schedules import REPAIR_EVERY

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_decision_has_its_parts_and_is_listed() -> None:
    index = page("decisions/index.md")

    for number, file in enumerate(DECISIONS, start=1):
        parts = re.findall(r"^\*\*(Context|Decision|Consequences)\.\*\*|^\*\*(Enforced by)\*\*", file.read_text(), re.M)
        assert ["".join(part) for part in parts] == ["Context", "Decision", "Consequences", "Enforced by"], file.name
        assert file.name.startswith(f"{number:04}-")
        assert f"({file.name})" in index


def test_every_test_that_a_page_names_exists() -> None:
    named = {(file, test) for text in PAGES for file, test in re.findall(r"`(tests/\S+\.py)::(\w+)`", text.read_text())}

    assert len(named) > len(DECISIONS)
    assert [(file, test) for file, test in named if f"def {test}(" not in (ROOT / file).read_text()] == []


def test_every_file_that_a_page_names_exists() -> None:
    rooms = "|".join(folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists())
    named = re.compile(rf"`((?:{rooms}|tests|docs)/[\w./-]*)`")
    found = {path for text in PAGES for path in named.findall(text.read_text())}

    assert sorted(path for path in found if not (ROOT / path).exists() and path not in TO_BE_MADE) == []


TO_BE_MADE = {"contracts/words.py", "activities/words.py", "workflows/words.py"}
"""Where the example of docs/adding-a-job.md would stand in the service."""


def test_every_setting_is_described_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(SPACES_\w+)` \|(.*)\|$", page("running.md"), re.M))

    for name, setting in Settings.model_fields.items():
        described = rows[f"SPACES_{name.upper()}"]
        default = str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)
        assert setting.default is None or default.removesuffix(".0") in described.rpartition("|")[2], name


def test_the_table_of_roles_is_the_one_the_code_decides_by() -> None:
    header, *rows = re.findall(r"^\| (right|`\w+:\w+`) \|(.*)\|$", page("api.md"), re.M)
    roles = [cell.strip() for cell in header[1].split("|")]
    told = {
        role: {row[0].strip("`") for row in rows if row[1].split("|")[place].strip()}
        for place, role in enumerate(roles)
    }

    assert told == {role: {right.value for right in rights} for role, rights in ROLES.items()}
    assert {row[0].strip("`") for row in rows} == {right.value for right in Right}


def test_the_numbers_that_pages_name_are_those_of_the_code() -> None:
    assert f"over {THRESHOLD_BYTES // 1024} KiB go to the object store" in page("decisions/0005-large-payloads.md")
    assert REPAIR_EVERY.total_seconds() == 60  # "every minute", in three pages


def test_the_documentation_loads_nothing_from_elsewhere() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()

    assert re.search(r"^ *font: false\b", settings, re.M)
    assert "http" not in settings
    assert not [text.name for text in PAGES if re.search(r"<(script|link|img)\b|!\[[^]]*\]\(http", text.read_text())]


@pytest.mark.parametrize(("name", "least"), [("requirements.lock", 51), ("embeddings.lock", 1)])
def test_the_lock_file_pins_and_hashes_everything_and_names_no_registry(name: str, least: int) -> None:
    lock = (ROOT / name).read_text()
    packages = re.split(r"\n(?=\S)", lock.strip())

    assert "://" not in lock
    assert len(packages) >= least
    assert [
        line for line in packages if not re.match(r"[\w.-]+(\[[\w,.-]+\])?==\S+", line) or "--hash=" not in line
    ] == []
