"""The syndication job's story, on a third party's server of Mastodon's API."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.endpoints.test_jobs import ended, job_that, new_key
from tests.fixtures_models import Emulator, RunGenerations
from tests.fixtures_queue import Api, RunSystem
from tests.fixtures_social import MASTODON_TOKEN, Mastodon, RunPosts, give_account, noisy_photo
from tests.jobs.test_approvals import asked, decide

QUICKLY = {"type": "status", "status": 429, "headers": {"Retry-After": "1"}}


async def submit(api: Api, text: str, *platforms: str, **more: Any) -> dict[str, Any]:
    """Have a text posted."""
    content = {"text": text, **more.pop("content", {})}
    payload = {"content": content, "platforms": platforms or ("mastodon",), **more.pop("payload", {})}
    answer = await api.http.post("/v1/jobs", json={"jobType": "social_syndication", "payload": payload, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_a_text_is_posted_with_its_link_and_hashtags_and_the_result_says_where(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    content = {"link": "https://shop.example/hours", "hashtags": ["cactus", "#Open Now"]}

    async with run_posts(desk):
        job = await submit(desk, f"We open on Saturdays {word}", content=content, jobType="social_media")
        done = await ended(desk, job["id"])

    (status,) = await mastodon.statuses(word)
    text = f"We open on Saturdays {word}\n\nhttps://shop.example/hours\n\n#cactus #OpenNow"
    assert (job["jobType"], done["status"], done["progress"]["done"]) == ("social_syndication", "completed", 1)
    assert done["result"] == {
        "successful": 1,
        "failed": 0,
        "results": [
            {
                "platform": "mastodon",
                "account": "default",
                "success": True,
                "postId": status["id"],
                "url": status["url"],
                "text": text,
                "shortened": False,
                "error": None,
                "attempts": 1,
            }
        ],
    }


async def test_a_long_text_is_cut_at_a_word_and_keeps_its_hashtags_or_is_refused_as_asked(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    text = f"{word} " + "prickly " * 100 + "\n\n#cactus #sale"

    async with run_posts(desk):
        cut = await ended(desk, (await submit(desk, text))["id"])
        refused = await ended(desk, (await submit(desk, text, payload={"onTooLong": "refuse"}))["id"])

    (outcome,) = cut["result"]["results"]
    assert (outcome["shortened"], len(outcome["text"]) <= 500) == (True, True)
    assert outcome["text"].endswith(" prickly…\n\n#cactus #sale")
    assert len(await mastodon.statuses(word)) == 1
    assert (refused["status"], refused["error"]["type"]) == ("failed", "NotPosted")
    assert "500 is the most" in refused["error"]["message"]


async def test_refused_credentials_are_said_and_marked_and_hold_up_nothing(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url, secret="wrong-token")

    async with run_posts(desk):
        failed = await ended(desk, (await submit(desk, word))["id"])
        marked = (await desk.http.get("/v1/social-accounts")).json()["items"]
        await give_account(desk, "mastodon", mastodon.url)
        done = await ended(desk, (await submit(desk, word))["id"])
    (again,) = (await desk.http.get("/v1/social-accounts")).json()["items"]

    assert (failed["status"], failed["attempts"]) == ("failed", 1)
    assert "mastodon: 127.0.0.1 refused the account (401" in failed["error"]["message"]
    assert [(one["state"], "401" in one["lastError"]) for one in marked] == [("rejected", True)]
    assert (done["status"], again["state"], again["lastError"]) == ("completed", "active", None)
    assert "token" not in json.dumps(marked)


async def test_a_retry_of_an_ended_job_posts_only_what_is_missing(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    await give_account(desk, "bluesky", mastodon.url, handle="shop.example")  # no server of Bluesky's: refused

    async def retried(job_id: str) -> dict[str, Any]:
        answer = await desk.http.post(f"/v1/jobs/{job_id}/retry")
        return await ended(desk, answer.json()["id"])

    async with run_posts(desk):
        half = await ended(desk, (await submit(desk, word, "mastodon", "bluesky"))["id"])
        rest = await retried(half["id"])
        still = await retried(rest["id"])
        whole = await ended(desk, (await submit(desk, f"{word} whole"))["id"])
        anew = await retried(whole["id"])

    assert (half["status"], half["result"]["successful"], half["result"]["failed"]) == ("completed", 1, 1)
    assert [job["status"] for job in (rest, still, anew)] == ["failed", "failed", "completed"]
    assert rest["payload"]["platforms"] == still["payload"]["platforms"] == ["bluesky"]
    assert still["payload"]["continues"] == {"jobId": half["id"], "beganAt": half["createdAt"]}
    assert len(await mastodon.statuses(word)) == 1 + 2  # a job that was whole is posted anew when somebody asks for it


async def test_a_retry_of_a_cancelled_job_finds_what_it_had_posted(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    await give_account(desk, "bluesky", "http://127.0.0.1:9", handle="shop.example")

    async with run_posts(desk):
        job = await submit(desk, word, "mastodon", "bluesky", maxAttempts=1)
        await job_that(desk, job["id"], "dead")
        await desk.http.post(f"/v1/jobs/{job['id']}/cancel")
        cancelled = await ended(desk, job["id"])
        child = (await desk.http.post(f"/v1/jobs/{job['id']}/retry")).json()
        dead = await job_that(desk, child["id"], "dead")

    assert (cancelled["status"], cancelled["result"], dead["progress"]["done"]) == ("cancelled", None, 1)
    assert len(await mastodon.statuses(word)) == 1


async def test_when_attempts_are_used_up_the_job_is_dead_and_a_retry_posts_once(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    await mastodon.hurt({"type": "status", "status": 503})

    async with run_posts(desk):
        job = await submit(desk, word, maxAttempts=1)
        dead = await job_that(desk, job["id"], "dead")
        await desk.http.post(f"/v1/jobs/{job['id']}/retry")
        done = await ended(desk, job["id"])

    assert dead["error"]["message"] == "127.0.0.1 answered 503"
    assert (done["status"], len(await mastodon.statuses(word))) == ("completed", 1)


async def test_a_platform_that_allows_no_more_is_asked_again_when_it_said(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    await mastodon.hurt(QUICKLY)

    async with run_posts(desk):
        done = await ended(desk, (await submit(desk, word))["id"])

    assert (done["status"], done["attempts"], done["result"]["results"][0]["attempts"]) == ("completed", 2, 2)
    assert len(await mastodon.statuses(word)) == 1


async def test_a_platform_that_is_not_supported_is_refused_with_those_that_are(desk: Api) -> None:
    for platform in ("twitter", "x", "linkedin", "facebook", "instagram", "all"):
        body = {"jobType": "social_syndication", "payload": {"content": {"text": "a"}, "platforms": [platform]}}

        refused = await desk.http.post("/v1/jobs", json=body)

        (problem,) = refused.json()["errors"]
        assert (refused.status_code, problem["path"]) == (422, "payload.platforms.0")
        assert f"no posting to '{platform}' here; supported are bluesky, mastodon" in problem["message"]


async def test_a_platform_without_an_account_is_refused_at_the_border(desk: Api, mastodon: Mastodon) -> None:
    body = {"jobType": "social_syndication", "payload": {"content": {"text": "a"}, "platforms": ["mastodon"]}}
    named = {**body, "payload": {**body["payload"], "accounts": {"mastodon": "second"}}}  # type: ignore[dict-item]

    nothing = await desk.http.post("/v1/jobs", json=body)
    await give_account(desk, "mastodon", mastodon.url, name="first")
    the_only_one = await desk.http.post("/v1/jobs", json=body)
    other = await desk.http.post("/v1/jobs/bulk", json={"jobs": [named, body]})
    await give_account(desk, "mastodon", mastodon.url, name="third")
    several = await desk.http.post("/v1/jobs", json=body)

    assert (nothing.status_code, nothing.json()["errors"][0]["path"]) == (422, "payload.platforms.0")
    assert "PUT /v1/social-accounts/mastodon/default" in nothing.json()["detail"]
    assert the_only_one.status_code == 202
    assert (other.json()["accepted"], other.json()["rejected"]) == (1, 1)
    assert "'second' for mastodon" in json.dumps(other.json()["items"][0])
    assert several.status_code == 422


async def test_an_account_is_kept_sealed_shown_without_its_secret_and_written_in_the_audit_log(
    desk: Api, mastodon: Mastodon, tmp_path: Path
) -> None:
    await give_account(desk, "mastodon", mastodon.url, handle="@shop@example.social")
    tables = [tmp_path / name for name in ("spaces.db", "spaces.db-wal")]

    shown = await desk.http.get("/v1/social-accounts/mastodon/default")
    gone = await desk.http.delete("/v1/social-accounts/mastodon/default")
    missing = await desk.http.get("/v1/social-accounts/mastodon/default")
    lines = (await desk.http.get("/v1/audit")).json()["items"]
    kept = b"".join(map(Path.read_bytes, tables))

    assert (shown.json()["handle"], shown.json()["state"]) == ("shop@example.social", "active")
    assert (gone.status_code, missing.status_code) == (204, 404)
    assert [line["action"] for line in lines] == ["account.delete", "account.put"]
    assert MASTODON_TOKEN not in shown.text + json.dumps(lines)
    assert MASTODON_TOKEN.encode() not in kept


async def test_an_account_that_cannot_be_used_is_refused(desk: Api) -> None:
    wrong = [
        ("mastodon", {}, "server"),
        ("mastodon", {"server": "https://user:pass@a.example"}, "server"),  # pragma: allowlist secret
        ("mastodon", {"server": "http://a.example"}, "server"),
        ("mastodon", {"server": "https://a.example/api"}, "server"),
        ("mastodon", {"server": "https://169.254.169.254"}, "server"),
        ("bluesky", {}, "handle"),
        ("bluesky", {"handle": " @ "}, "handle"),
        ("bluesky", {"handle": "a\0.example"}, "handle"),
        ("bluesky", {"handle": "a.example", "secret": "to\nken"}, "secret"),
        ("bluesky", {"handle": "a.example", "secret": "t\u00f6ken"}, "secret"),
        ("bluesky", {"handle": "a.example", "secret": "      "}, "secret"),
    ]
    for platform, said, path in wrong:
        body = {"secret": "token", **said}

        refused = await desk.http.put(f"/v1/social-accounts/{platform}/default", json=body)

        assert (refused.status_code, [problem["path"] for problem in refused.json()["errors"]]) == (422, [path]), said


async def test_pictures_are_posted_upright_with_their_words_and_without_where_they_were_taken(
    desk: Api, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    uploaded = (await desk.http.post("/v1/uploads", content=noisy_photo(300, 200))).json()["uploadId"]
    content = {"images": [uploaded, uploaded], "altTexts": ["a cactus on a shelf"]}

    async with run_posts(desk):
        done = await ended(desk, (await submit(desk, word, content=content))["id"])

    (status,) = await mastodon.statuses(word)
    async with mastodon.client() as http:
        posted = Image.open(BytesIO((await http.get(status["media_attachments"][0]["url"])).content))
    assert done["status"] == "completed"
    assert [media["description"] for media in status["media_attachments"]] == ["a cactus on a shelf", None]
    assert (posted.size, dict(posted.getexif())) == ((200, 300), {})


async def test_what_cannot_be_posted_is_refused_before_it_is_tried(desk: Api, mastodon: Mastodon) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    wrong: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"images": ["0" * 64]}, {}, "payload.content.images.0"),
        ({"images": [], "altTexts": ["of nothing"]}, {}, "payload.content"),
        ({"text": "  "}, {}, "payload.content"),
        ({"link": "javascript:alert(1)"}, {}, "payload.content.link"),
        ({}, {"platforms": []}, "payload"),
        ({}, {"platforms": ["mastodon", "mastodon"]}, "payload"),
        ({}, {"accounts": {"bluesky": "default"}}, "payload"),
        ({}, {"accounts": {"mastodon": "../x"}}, "payload.accounts.mastodon"),
    ]
    for content, payload, path in wrong:
        said = {"content": {"text": "a", **content}, "platforms": ["mastodon"], **payload}

        refused = await desk.http.post("/v1/jobs", json={"jobType": "social_syndication", "payload": said})

        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, path), said


async def test_an_approved_generation_is_posted_by_the_job_that_waits_for_it(
    desk: Api,
    mastodon: Mastodon,
    model_emulator: Emulator,
    run_posts: RunPosts,
    run_generations: RunGenerations,
    run_system: RunSystem,
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    text = {"generationType": "social_content", "parameters": {"prompt": "We open again"}, "approval": {}}
    content = {"text": "{{text.result.content.text}}", "hashtags": "{{text.result.content.hashtags}}"}
    post = {"content": content, "platforms": ["mastodon"]}
    flow = {
        "name": "saturday",
        "jobs": [
            {"ref": "text", "jobType": "ai_generation", "payload": text},
            {"ref": "post", "jobType": "social_syndication", "payload": post, "dependsOn": ["text"]},
        ],
    }
    database, before = desk.services.database, len(await mastodon.statuses("Saturdays"))

    async with (
        run_generations(database, model_emulator.endpoint("poster")),
        run_posts(desk),
        run_system(database),
    ):
        jobs = (await desk.http.post("/v1/flows", json=flow)).json()["jobs"]
        await asked(desk, jobs["text"])
        waiting, there = (await desk.http.get(f"/v1/jobs/{jobs['post']}")).json(), await mastodon.statuses("Saturdays")
        await decide(desk, jobs["text"], "approved")
        done = await ended(desk, jobs["post"])

    assert (waiting["status"], len(there)) == ("pending", before)
    assert done["result"]["results"][0]["text"] == "We open on Saturdays again.\n\n#Cactus #opennow"
    assert len(await mastodon.statuses("Saturdays")) == before + 1


async def test_another_tenant_s_accounts_are_neither_seen_nor_posted_with(desk: Api, mastodon: Mastodon) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    path = "/v1/social-accounts/mastodon/default"
    payload = {"content": {"text": "a"}, "platforms": ["mastodon"]}

    async with desk.with_key(await new_key(desk, "zeta-shop", "admin")) as other:
        listed = (await other.get("/v1/social-accounts")).json()["items"]
        answers = [await other.get(path), await other.delete(path)]
        named = await other.put(path, json={"secret": "theirs", "server": mastodon.url, "tenantId": "acme"})
        posted = await other.post("/v1/jobs", json={"jobType": "social_syndication", "payload": payload})
    async with desk.with_key(await new_key(desk, "acme", "operator")) as operator:
        forbidden = await operator.get("/v1/social-accounts")
    kept = (await desk.http.get(path)).json()

    assert (listed, [answer.status_code for answer in answers]) == ([], [404, 404])
    assert (named.status_code, posted.status_code, forbidden.status_code) == (403, 422, 403)
    assert kept["updatedBy"] == "key:admin"
