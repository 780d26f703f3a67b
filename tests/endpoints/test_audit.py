"""The audit log over HTTP: what each change leaves, who may read it, and the command that checks it."""

import asyncio
import csv
import io
import sys
from pathlib import Path
from typing import Any

from temporalio.client import Client

from contracts.audit import AuditAction
from contracts.errors import Unavailable
from readmodel.audit import AuditLog
from tests.endpoints.test_isolation import JOB, SCHEDULE
from tests.endpoints.test_jobs import new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunSystem

ROOT = Path(__file__).parents[2]


async def lines(api: Api, **asked: Any) -> list[dict[str, Any]]:
    """Return the lines the platform sees, newest first; Any: query parameters."""
    async with api.with_key(ADMIN_KEY) as platform:
        answer = await platform.get("/v1/audit", params={"limit": 200, **asked})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def made(api: Api, path: str, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(path, json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())


async def test_every_kind_of_change_leaves_a_line(
    schedules_ready: None, api: Api, client: Client, run_system: RunSystem
) -> None:
    job = await made(api, "/v1/jobs", **JOB)
    flow = await made(api, "/v1/flows", name="f", jobs=[{**JOB, "ref": "a"}])
    schedule = await made(api, "/v1/schedules", **SCHEDULE, paused=True)
    hook = await made(api, "/v1/webhooks", url="https://93.184.215.14/secret-path")
    await api.http.post(f"/v1/jobs/{job['id']}/cancel")
    await api.http.post(f"/v1/flows/{flow['id']}/cancel")
    await api.http.patch(f"/v1/schedules/{schedule['id']}", json={"note": "hello"})
    await made(api, f"/v1/schedules/{schedule['id']}/trigger")
    span = {"start": "2026-11-19T00:00:00Z", "end": "2026-11-20T00:00:00Z"}
    await made(api, f"/v1/schedules/{schedule['id']}/backfill", **span)
    await api.http.delete(f"/v1/schedules/{schedule['id']}")
    action = await made(api, "/v1/bulk-actions", action="cancel", filter={"tag": ["none"]}, reason="tidy up")
    await api.http.post(f"/v1/bulk-actions/{action['id']}/abort")
    await made(api, "/v1/queues/photo_processing/pause", reason="stocktaking")
    await made(api, "/v1/queues/photo_processing/resume")
    await made(api, "/v1/queues/photo_processing/clean", olderThan="30d")
    await api.http.put("/v1/tenants/acme/limits", json={"weight": 2})
    await made(api, f"/v1/webhooks/{hook['id']}/enable")
    await made(api, f"/v1/webhooks/{hook['id']}/redeliver")
    await api.http.delete(f"/v1/webhooks/{hook['id']}")
    key = await made(api, "/v1/keys", tenantId="acme", role="viewer", name="guest")
    await api.http.delete(f"/v1/keys/{key['id']}")

    found = await lines(api)
    here = {line["action"] for line in found}
    elsewhere = {
        "job.retry",
        "job.discard",
        "approval.decide",
        "payload.reveal",
        "alert.acknowledge",
        "error.mark",
        "alert.rules",
        "tenant.erase",
        "person.erase",
        "codec.decode",
        "account.put",
        "account.delete",
        "key.rotate",
        "access.refuse",
    }
    assert {action.value for action in AuditAction} - here == elsewhere
    assert {line["tenantId"] for line in found} == {"acme"}
    assert {(line["actor"], line["address"], bool(line["requestId"])) for line in found} == {
        ("key:admin", "127.0.0.1", True)
    }
    assert "secret-path" not in str(found)
    assert "a.example" not in str(found)
    assert (await AuditLog(api.services.database).verify()).problem is None


async def test_a_line_names_the_request_and_a_job_is_found_by_its_id(api: Api) -> None:
    alone = await api.http.post("/v1/jobs", json=JOB, headers={"X-Request-Id": "mine-1"})
    many = await made(api, "/v1/jobs/bulk", jobs=[JOB, JOB, JOB])
    one_of_many = many["items"][1]["id"]

    (own,) = await lines(api, jobId=alone.json()["id"])
    (shared,) = await lines(api, jobId=one_of_many)

    assert (own["action"], own["requestId"], own["subject"]) == ("job.submit", "mine-1", alone.json()["id"])
    assert own["after"] == {"jobType": "photo_processing", "priority": "normal"}
    assert [*shared["after"]["jobs"]] == [item["id"] for item in many["items"]]
    assert await lines(api, jobId="acme:photo_processing:none") == []


async def test_a_refused_attempt_leaves_one_line_however_often_it_is_repeated(api: Api) -> None:
    key = await new_key(api, "acme", "viewer")
    async with api.with_key(key) as viewer, api.with_key(key, **{"X-Tenant-Id": "other"}) as pretending:
        for _ in range(3):
            assert (await viewer.post("/v1/keys", json={})).status_code == 403
        assert (await pretending.get("/v1/jobs")).status_code == 403

    found = await lines(api, action="access.refuse")
    assert [(line["subject"], line["result"], line["tenantId"]) for line in found] == [
        ("GET /v1/jobs", "refused", "acme"),
        ("POST /v1/keys", "refused", "acme"),
    ]
    assert "keys:manage" in found[1]["after"]["why"]


async def test_a_tenant_reads_its_own_lines_and_is_not_told_who_of_the_platform_acted(api: Api) -> None:
    await made(api, "/v1/jobs", **JOB)
    async with api.with_key(ADMIN_KEY, **{"X-Tenant-Id": "other"}) as theirs:
        await theirs.post("/v1/jobs", json=JOB)
    async with api.with_key(await new_key(api, "acme", "admin")) as admin:
        await admin.post("/v1/jobs", json=JOB)
        own = (await admin.get("/v1/audit")).json()["items"]
        foreign = (await admin.get("/v1/audit", params={"tenantId": "other"})).json()["items"]
        platform = (await admin.get("/v1/audit", params={"tenantId": "*"})).json()["items"]
        guessed = (await admin.get("/v1/audit", params={"actor": "key:admin"})).json()["items"]
    async with api.with_key(await new_key(api, "acme", "operator")) as operator:
        refused = await operator.get("/v1/audit")

    assert [(line["action"], line["actor"][:4], line["address"]) for line in own] == [
        ("job.submit", "key:", "127.0.0.1"),
        ("key.create", "plat", None),
        ("job.submit", "plat", None),
    ]
    assert (foreign, platform, guessed, refused.status_code) == ([], [], [], 403)


async def test_csv_holds_every_line_and_no_formula(api: Api) -> None:
    await made(api, "/v1/keys", tenantId="acme", role="viewer", name='=HYPERLINK("http://a.example")')
    await made(api, "/v1/queues/photo_processing/pause", reason="\t=1+1")
    for name in ("+1", "-1", "@x", "=1"):
        await api.http.post("/v1/jobs", json=JOB, headers={"X-Request-Id": name})

    answer = await api.http.get("/v1/audit", headers={"Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="audit.csv"' in answer.headers["content-disposition"]
    assert [row["id"] for row in rows] == [str(line["id"]) for line in await lines(api)]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {"'+1", "'-1", "'=1"} <= {row["requestId"] for row in rows}


async def test_what_was_done_while_the_database_was_away_is_written_down_when_it_is_back(api: Api) -> None:
    trail, book = api.services.trail, AuditLog(api.services.database)
    caller = await api.services.authenticator.caller(ADMIN_KEY, "acme")
    away = asyncio.Event()

    class Away(AuditLog):
        async def add(self, deeds: Any) -> None:
            if not away.is_set():
                away.set()
                raise Unavailable("away")
            await super().add(deeds)

    trail._book = Away(api.services.database)

    await trail.note(caller, AuditAction.JOB_CANCEL, "acme:p:1", "acme", job_id="acme:p:1")

    async with asyncio.timeout(60):
        while not (found := await lines(api, action="job.cancel")):
            await asyncio.sleep(0.05)
    assert [line["subject"] for line in found] == ["acme:p:1"]
    assert (await book.verify()).problem is None


async def test_the_command_says_where_the_log_ends_and_fails_when_a_witness_disagrees(api: Api, tmp_path: Path) -> None:
    await made(api, "/v1/jobs", **JOB)
    (line,) = await lines(api)

    right = await verify(tmp_path)
    wrong = await verify(tmp_path, "--witness", f"1:{'0' * 64}")

    assert right == (0, f"1 lines, each as it was written; the log ends with 1:{line['hash']}\n")
    assert wrong[0] == 1
    assert "verify-audit failed: line 1 is not the one that was noted" in wrong[1]


async def verify(data_dir: Path, *arguments: str) -> tuple[int | None, str]:
    """Run the command on a data folder; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("manage.py", "verify-audit", *arguments),
        cwd=ROOT,
        env={"SPACES_DATA_DIR": str(data_dir), "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
