"""Programs from npm for tests: installed once into the user's cache folder."""

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from temporal.program import cache_folder


async def installed(name: str, *packages: str, what: str, scripts: bool = False) -> Path:
    """Return a folder with these packages in its `node_modules`; the test is skipped where none can be had.

    name: of the folder; with the versions in it, so that other ones are another folder
    what: is missing then, in capitals
    scripts: may the packages run their install scripts
    """
    folder = cache_folder() / name
    if folder.exists():
        return folder
    if shutil.which("npm") is None:
        pytest.skip(f"{what}: there is no npm on PATH")
    making = folder.with_name(f"{folder.name}-{uuid4().hex[:8]}")
    making.mkdir(parents=True)
    options = ["--no-audit", "--no-fund", *([] if scripts else ["--ignore-scripts"]), "--prefix", str(making)]
    process = await asyncio.create_subprocess_exec(
        "npm", "install", *options, *packages, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        shutil.rmtree(making, ignore_errors=True)
        pytest.skip(f"{what}: npm cannot install {packages[0]}: {output.decode(errors='replace')[-300:]}")
    try:
        making.rename(folder)
    except OSError:  # another run was quicker
        shutil.rmtree(making, ignore_errors=True)
    return folder
