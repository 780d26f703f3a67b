"""Word count steps: count one text."""

from temporalio import activity

from examples.word_count.contracts import CountInput


class WordCountActivities:
    """The steps of a word count job. They need nothing from the outside, so there is no constructor."""

    @activity.defn(name="words.count")
    async def count(self, step: CountInput) -> int:
        """Return how many words the text has. It leaves nothing behind, so a retry does no harm."""
        return len(step.text.split())
