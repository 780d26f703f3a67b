"""What models are told, and what is made of their answers."""

import pytest

from activities.prompting import problem_with, prompt_of, repairing, shortened
from contracts.generation_kinds import GenerationType
from contracts.generation_ports import Answer
from contracts.generations import GenerationInput, GenerationParameters, Revision, SourceData

ORDER = GenerationInput(
    generation_type=GenerationType.SOCIAL_CONTENT,
    source_data=SourceData(existing_content=("We were closed in July", {"relationTo": "posts", "value": 7})),
    parameters=GenerationParameters(prompt="We open on Saturdays", language="German"),
)
REVISED = (Revision(text="We open!", notes="Name the hours"), Revision(text="We open at 9!", notes="And the street"))


def test_a_prompt_has_what_the_shop_told_and_no_bare_references() -> None:
    rules, brief = prompt_of(ORDER)

    assert "Write in German." in rules.text
    assert brief.text.splitlines() == ["We open on Saturdays", "The shop has published: We were closed in July"]


def test_a_revision_shows_the_last_text_and_all_notes_which_stay_whole_when_the_rest_is_cut() -> None:
    asked = prompt_of(ORDER, REVISED)
    cut = shortened(asked)

    assert [message.role for message in asked] == ["system", "user", "assistant", "user"]
    assert asked[2].text == "We open at 9!"
    assert asked[3].text.endswith("- Name the hours\n- And the street")
    assert (cut[0], cut[3]) == (asked[0], asked[3])
    assert (len(cut[1].text), len(cut[2].text)) == (len(asked[1].text) // 3, len(asked[2].text) // 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"text": "Open!", "hashtags": ["cactus"]}', None),
        ('Here: {"text": "Open!", "hashtags": []} Fine?', None),
        ('{"text": "Open!"}', "hashtags: Field required"),
        ('{"text": "Open!", "hashtags": [], "mood": "xyzzy"}', "mood: Extra inputs are not permitted"),
        ("xyzzy", "it is no JSON object"),
        ("", "it is no JSON object"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_without_quoting_it(text: str, problem: str | None) -> None:
    found = problem_with(ORDER, Answer(text, whole=True))

    assert found == problem
    assert "xyzzy" not in (found or "")


def test_an_answer_that_is_cut_off_is_asked_for_again_with_its_beginning() -> None:
    problem = problem_with(ORDER, Answer('{"text": "Op', whole=False)) or ""
    again = repairing(prompt_of(ORDER), '{"text": "Op', problem)

    assert [message.role for message in again[-2:]] == ["assistant", "user"]
    assert "it is cut off" in again[-1].text
