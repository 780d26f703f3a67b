import time

import pytest

from contracts.fingerprints import LENGTH, fingerprint
from contracts.jobs import JobFailure


def failure(message: str | None = "no answer", **fields: object) -> JobFailure:
    return JobFailure.model_validate(
        {"type": "Unavailable", "message": message, "retryable": True, "step": "photos.read", **fields}
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no blob under 'cat'", "no blob under 'dog with a \"bone\"'"),
        ('no upload "a"', 'no upload "it\'s b"'),
        ("charge ch_3NkAbCdEf declined", "charge ch_9ZZ declined"),
        ("503 after 2 attempts", "502 after 13 attempts"),
        ("took 1.5 s", "took 12,000 s"),
        ("x5 is away", "x12 is away"),
        (
            "row 550e8400-e29b-41d4-a716-446655440000 is gone",
            "row 00000000-aaaa-bbbb-cccc-ddddeeeeffff is gone",
        ),
        ("digest deadbeefdeadbeef differs", "digest 0xcafebabe differs"),
        ("job acme:photo_processing:tour-1 has ended", "job other-shop:migration:x has ended"),
        ("GET https://shop.example/a/b?x=1 failed", "GET https://user:secret@shop.example:8443/c failed"),
        ("cannot read /var/lib/a.jpg", "cannot read /tmp/some/where/b.png"),
        ("expired at 2026-11-22T08:00:00.123Z", "expired at 2025-01-01 10:00:00+02:00"),
        ("expired at Sun, 22 Nov 2026 08:00:00 GMT", "expired at Monday, 23-Nov-26 09:00:00 GMT"),
        ("refused 10.0.0.1:5432", "refused 192.168.1.20:80"),
        ("mail to bob@example.com bounced", "mail to alice.b@shop.example bounced"),
        ("no  answer\n", "No answer"),
    ],
)
def test_what_differs_from_job_to_job_does_not_count(one: str, other: str) -> None:
    assert fingerprint("photo_processing", failure(one)) == fingerprint("photo_processing", failure(other))


def test_attempts_and_whether_it_is_retried_do_not_count() -> None:
    first = fingerprint("photo_processing", failure(attempt=1))

    assert fingerprint("photo_processing", failure(attempt=5, retryable=False)) == first


def test_another_type_step_error_or_message_is_another_kind() -> None:
    kinds = {
        fingerprint("photo_processing", failure()),
        fingerprint("migration", failure()),
        fingerprint("photo_processing", failure(step="photos.fetch")),
        fingerprint("photo_processing", failure(step=None)),
        fingerprint("photo_processing", failure(type="Timeout")),
        fingerprint("photo_processing", failure("the answer was cut short")),
        fingerprint("photo_processing", failure("GET https://other.example/a failed")),
        fingerprint("photo_processing", failure("GET https://shop.example/a failed")),
        fingerprint("photo_processing", failure(None)),
        fingerprint("photo_processing", None),
    }

    assert len(kinds) == 10


@pytest.mark.parametrize("message", [None, "", "\0", "\ud800 half a character", "🦊" * 5000, "%s {} \\1 \\g<0>"])
def test_any_message_has_a_fingerprint_of_16_hexadecimal_digits(message: str | None) -> None:
    made = fingerprint("photo_processing", failure(message))

    assert len(made) == LENGTH == 16
    assert set(made) <= set("0123456789abcdef")


def test_a_fingerprint_is_the_same_in_every_process_and_release() -> None:
    assert fingerprint("photo_processing", failure("no blob under 'cat'")) == "ea0b1f24a03523dd"


@pytest.mark.parametrize(
    "part", ["a", "1", "'", "/a", "a@", "a:", "-", "0-", "deadbeef", ". ", "# ", "a.b", "x://", "mon, ", "\u201c", "1,"]
)
def test_no_message_takes_long(part: str) -> None:
    began = time.process_time()

    fingerprint("photo_processing", failure(part * 500_000))

    assert time.process_time() - began < 0.2
