"""The packages are audited where that can be done, and where it cannot that is said."""

from pathlib import Path

import pytest

from dev.advisories import _judged, audit
from dev.stack import ROOT


def test_without_the_advisory_database_the_build_goes_on_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code = audit(Path(ROOT), "http://127.0.0.1:9")

    assert code == 0
    assert "NOT AUDITED" in capsys.readouterr().out


def test_a_known_weakness_fails_and_a_package_nobody_knows_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    weak = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    unknown = {"name": "b", "skip_reason": "not found"}

    assert (_judged([weak, unknown]), _judged([unknown])) == (1, 0)
    assert "a 1: PYSEC-1, fixed in 2" in capsys.readouterr().out
