"""docs/adding-a-job.md shows the example's files as they are, and leaves none out."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "word_count"
SHOWN = re.compile(r'^```python title="(?P<file>[^"]+)"\n(?P<code>.*?)^```$', re.MULTILINE | re.DOTALL)


def shown() -> dict[str, str]:
    """Return the code blocks of the page that name a file, by that name."""
    page = (ROOT / "docs" / "adding-a-job.md").read_text()
    return {match["file"]: match["code"] for match in SHOWN.finditer(page)}


def test_each_code_block_is_the_file_it_names() -> None:
    assert shown() == {file: (ROOT / file).read_text() for file in shown()}


def test_the_page_shows_the_whole_example() -> None:
    files = [
        *(file for file in EXAMPLE.glob("*.py") if file.stat().st_size),
        ROOT / "tests" / "jobs" / "test_example.py",
    ]

    assert sorted(shown()) == sorted(str(file.relative_to(ROOT)) for file in files)
