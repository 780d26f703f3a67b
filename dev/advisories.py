"""Asks the public advisory database (OSV) about the locked packages: `python -m dev.advisories`.

A known weakness fails. A database that cannot be reached does not, and is said: a machine without internet must build.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from dev.terminal import say

LOCKS = ("requirements.lock", "embeddings.lock")
ADVISORIES = "https://api.osv.dev"
PROBE_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
_AUDIT = [
    *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"),
    *(word for lock in LOCKS for word in ("--requirement", lock)),
    *("--vulnerability-service", "osv", "--timeout", "10", "--progress-spinner", "off", "--format", "json"),
]


def audit(root: Path, advisories: str = ADVISORIES) -> int:
    """Say what is known against the packages that `root` locks, and return the exit code.

    advisories: who is asked first whether the database can be reached
    """
    try:
        httpx.get(advisories, timeout=PROBE_SECONDS)
    except httpx.HTTPError as error:
        return _not_audited(type(error).__name__)
    try:
        done = subprocess.run(_AUDIT, cwd=root, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        return _not_audited(type(error).__name__)
    return _judged(packages)


def _judged(packages: list[dict[str, Any]]) -> int:
    """Say what was found. packages: of pip-audit's report; Any: its values"""
    known = [(package, weakness) for package in packages for weakness in package.get("vulns", ())]
    for package, weakness in known:
        fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
        say(f"{package['name']} {package['version']}: {weakness['id']}, fixed in {fixed}")
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        say(f"NOT AUDITED: {len(skipped)} packages, for example {skipped[0]}")
    return 1 if known else 0


def _not_audited(why: str) -> int:
    say(f"NOT AUDITED: the advisory database cannot be reached ({why}); nobody knows of weaknesses in the packages")
    return 0


if __name__ == "__main__":
    sys.exit(audit(Path(__file__).parent.parent))
