"""Where a Temporal program is looked for, in which order, and what is said when there is none."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import InvalidInput
from temporal.obtain import NoTemporal
from temporal.program import configured_address, configured_namespace, find_program

NEW = "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"
OLD = "temporal version 0.10.7 (Server 1.22.0, UI 2.21.3)"


class Bare:
    """A machine with nothing on PATH, an empty cache and no way to the internet."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.kept = folder / "cache" / "spaces-queue" / "temporal-1.5.1"
        self.builds = folder / "builds"
        self.said: list[str] = []
        self.bin.mkdir()

    def temporal(self, at: Path, prints: str = NEW) -> Path:
        return self._script(at, f"echo '{prints}'")

    def go(self, then: str) -> None:
        self._script(self.bin / "go", f'echo "$*" >> {self.builds}\n{then}')

    def go_that_builds(self, seconds: int = 0) -> None:
        wait = f"/bin/sleep {seconds}" if seconds else ":"
        made = f"printf '#!/bin/sh\\necho \"{NEW}\"\\n' > $GOBIN/temporal\n/bin/chmod +x $GOBIN/temporal"
        self.go(f"echo 'go: downloading go.temporal.io/server v1.29.1' >&2\n{wait}\n{made}")

    async def find(self) -> Path:
        return await find_program(self.said.append)

    def _script(self, at: Path, body: str) -> Path:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(f"#!/bin/sh\n{body}\n")
        at.chmod(0o755)
        return at


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bare:
    machine = Bare(tmp_path)
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for name in ("SPACES_TEMPORAL_PROGRAM", "NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return machine


async def test_program_on_path_is_taken_before_the_kept_one(bare: Bare) -> None:
    on_path = bare.temporal(bare.bin / "temporal")
    bare.temporal(bare.kept)

    found = await bare.find()

    assert found == on_path
    assert bare.said == [f"Temporal server: on PATH, {on_path} (server 1.29.1)"]


async def test_named_program_is_taken_before_the_one_on_path(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.temporal(bare.bin / "temporal")
    named = bare.temporal(bare.bin.parent / "mine")
    monkeypatch.setenv("SPACES_TEMPORAL_PROGRAM", str(named))

    assert await bare.find() == named


async def test_named_program_that_does_not_run_is_not_passed_over(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.temporal(bare.bin / "temporal")
    monkeypatch.setenv("SPACES_TEMPORAL_PROGRAM", "/nowhere/temporal")

    with pytest.raises(NoTemporal, match=r"SPACES_TEMPORAL_PROGRAM .* /nowhere/temporal does not run: No such file"):
        await bare.find()


@pytest.mark.parametrize(
    ("prints", "why"),
    [(OLD, "is too old: server 1.22.0, needed is 1.29 or newer"), ("hello", "does not name a Temporal server: hello")],
)
async def test_unfit_program_on_path_is_passed_over_and_said(bare: Bare, prints: str, why: str) -> None:
    bare.temporal(bare.bin / "temporal", prints)
    kept = bare.temporal(bare.kept)

    found = await bare.find()

    assert found == kept
    assert why in bare.said[0]


async def test_program_is_built_with_go_and_kept(bare: Bare) -> None:
    bare.go_that_builds()

    first = await bare.find()
    second = await bare.find()

    assert first == second == bare.kept
    assert bare.builds.read_text().splitlines() == [
        "install -v -ldflags -s -w github.com/temporalio/cli/cmd/temporal@v1.5.1"
    ]
    assert sorted(file.name for file in bare.kept.parent.iterdir()) == ["temporal-1.5.1", "temporal.lock"]


async def test_two_at_once_build_once(bare: Bare) -> None:
    bare.go_that_builds(seconds=1)

    found = await asyncio.gather(bare.find(), bare.find())

    assert set(found) == {bare.kept}
    assert len(bare.builds.read_text().splitlines()) == 1
    assert "another process is fetching the Temporal server; waiting for it (0 s)" in bare.said


async def test_what_a_killed_build_left_is_removed(bare: Bare) -> None:
    left = bare.kept.parent / "making-1234"
    left.mkdir(parents=True)
    bare.go_that_builds()

    await bare.find()

    assert not left.exists()


async def test_failed_build_keeps_nothing_and_shows_its_last_lines(bare: Bare) -> None:
    bare.go("echo 'go: no space left on device' >&2; exit 1")

    with pytest.raises(NoTemporal, match="a build with Go: go install failed: go: no space left on device"):
        await bare.find()

    assert [file.name for file in bare.kept.parent.iterdir()] == ["temporal.lock"]


async def test_without_any_way_each_one_is_named_with_its_reason(bare: Bare) -> None:
    with pytest.raises(NoTemporal) as error:
        await bare.find()

    lines = str(error.value).splitlines()
    assert lines[1] == "  - on PATH: no program called temporal"
    assert lines[2] == f"  - from an earlier run: {bare.kept} does not exist yet"
    assert lines[3].startswith("  - the SDK's download: ")
    assert "https://temporal.download/cli/v1.5.1" in lines[3]
    assert lines[4] == "  - a build with Go: no Go toolchain on PATH"
    assert "TEMPORAL_ADDRESS" in str(error.value)


async def test_unwritable_cache_is_named(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.go_that_builds()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")

    with pytest.raises(NoTemporal, match=r"keeping it in /dev/null/cache/spaces-queue: .*Not a directory"):
        await bare.find()


def test_without_configuration_there_is_no_address(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(bare.bin / "none.toml"))
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)

    assert configured_address() is None


def test_address_and_namespace_come_from_a_profile(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bare.bin / "temporal.toml"
    file.write_text('[profile.shop]\naddress = "temporal.example:7233"\nnamespace = "shop"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", "shop")
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    monkeypatch.delenv("TEMPORAL_NAMESPACE", raising=False)

    assert (configured_address(), configured_namespace()) == ("temporal.example:7233", "shop")


def test_unknown_profile_is_an_error(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_PROFILE", "nobody")

    with pytest.raises(InvalidInput, match="nobody"):
        configured_address()
