"""Texts are cut for a platform where a person would cut them, and keep what they are posted for."""

import time

import pytest

from activities.fitting import fit, length
from contracts.errors import InvalidInput
from contracts.social_ports import TextLimits
from contracts.syndications import PostContent

FAMILY = "👨‍👩‍👧‍👦"
SMALL = TextLimits(characters=40, most_bytes=400)
MASTODON = TextLimits(characters=60, url_characters=23)


def fitted(text: str, **said: object) -> str:
    return fit(PostContent.model_validate({"text": text, **said}), SMALL, shorten=True).text


def test_a_character_is_what_people_see_as_one_and_a_link_what_the_platform_counts() -> None:
    assert length(f"{FAMILY}🇩🇪e\u0301", SMALL) == 3
    assert length("see https://shop.example/a/very/long/path/indeed", MASTODON) == 27
    assert fitted(FAMILY * 16) == FAMILY * 16  # 16 x 25 = 400 bytes
    assert fitted(FAMILY * 17).endswith("…")


def test_a_long_row_of_flags_costs_no_more_than_other_letters() -> None:
    began = time.process_time()

    text = fitted("🇩🇪" * 10_000)

    assert text == "🇩🇪" * 39 + "…"
    assert time.process_time() - began < 1, "a worker does nothing else meanwhile"  # it was five seconds


def test_what_fits_is_left_as_it_is() -> None:
    text = "  Two lines,\n\nand #two tags: #cactus  "

    assert fitted(text, hashtags=["Cactus", "#two"]) == text.strip()


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("one two three four five six seven eight nine", {}, "one two three four five six seven eight…"),
        ("prickly, prickly, prickly, prickly, prickly, end", {}, "prickly, prickly, prickly, prickly…"),
        ("many words that do not fit into it\n\n#a #b", {}, "many words that do not fit into…\n\n#a #b"),
        (
            "many words that do not fit in it at all",
            {"link": "https://a.example/", "hashtags": ["a"]},
            "many words that…\n\nhttps://a.example/ #a",
        ),
        (
            "read this now, all of it https://a.example/long",
            {"hashtags": ["b"]},
            "read this…\n\nhttps://a.example/long #b",
        ),
        ("see https://shop.example/a/long/path/to/it and more", {}, "see…"),
        ("x" * 100, {}, "x" * 39 + "…"),
    ],
)
def test_a_text_is_cut_at_a_word_s_end_and_keeps_its_links_and_hashtags(
    text: str, said: dict[str, object], expected: str
) -> None:
    cut = fitted(text, **said)

    assert (cut, length(cut, SMALL) <= 40) == (expected, True)


def test_hashtags_give_way_before_the_text_does_and_the_link_never() -> None:
    tags = ["abcdefgh", "ijklmnop", "qrstuvw"]

    assert fitted("too many tags for so little room", hashtags=tags) == "too many tags for…\n\n#abcdefgh #ijklmnop"
    assert fitted("words and words and words", link=f"https://a.example/{'x' * 20}", hashtags=tags) == (
        f"https://a.example/{'x' * 20}"
    )
    with pytest.raises(InvalidInput, match="cannot be cut to the 40 characters"):
        fitted("words", link=f"https://a.example/{'x' * 30}")


def test_a_text_without_spaces_is_cut_between_two_characters() -> None:
    cut = fitted("サボテンの土を五リットル入荷しました。土曜日は九時から十四時まで営業しております。どうぞ")

    assert cut == "サボテンの土を五リットル入荷しました。土曜日は九時から十四時まで営業しておりま…"


def test_a_text_that_may_not_be_cut_is_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidInput, match="the text has 41 characters, and 40 is the most"):
        fit(PostContent(text="x" * 41), SMALL, shorten=False)


@pytest.mark.timeout(20)
def test_what_was_written_to_keep_a_worker_busy_is_done_at_once() -> None:
    hostile = (
        "#a " * 6600 + "x",
        "https://a " * 1990 + "x",
        "a" + " " * 19_000 + "b",
        "#a " * 6600,
        "#" + "a" * 19_000 + " end",
    )

    for text in hostile:
        assert length(fitted(text), SMALL) <= 40
