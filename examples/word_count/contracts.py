"""Word count job: count the words of some texts.

Fields are only ever added, and with a default: old workflow histories must still load.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.jobs import JobPayload, Progress
from contracts.values import WireModel

MAX_TEXTS = 100

Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class WordCountInput(JobPayload):
    """Some texts."""

    texts: tuple[Text, ...] = Field(min_length=1, max_length=MAX_TEXTS)

    def expected(self) -> Progress:
        """Return the number of texts, none of them counted."""
        return Progress(done=0, total=len(self.texts), unit="text", message="waiting to begin")


class WordCountResult(WireModel):
    """How many words there are."""

    words: tuple[int, ...] = Field(description="per text, in the order of the request")
    total: int


class CountInput(WireModel):
    """Count the words of one text."""

    text: str
