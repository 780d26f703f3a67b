"""Word count job: every text its own step."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.jobs import JobInput
    from contracts.policies import LOCAL_WORK
    from examples.word_count.activities import WordCountActivities
    from examples.word_count.contracts import CountInput, WordCountInput, WordCountResult
    from workflows.job import JobWorkflow


@workflow.defn(name="word_count")
class WordCountWorkflow(JobWorkflow):
    """Count the words of some texts."""

    @workflow.run
    async def run(self, job: JobInput[WordCountInput]) -> WordCountResult:
        """Return the count of each text and their sum."""
        return await self.carry_out(job, self._story)

    async def _story(self, given: WordCountInput) -> WordCountResult:
        words = await asyncio.gather(*map(self._count, given.texts))
        return WordCountResult(words=tuple(words), total=sum(words))

    async def _count(self, text: str) -> int:
        words = await self.step(WordCountActivities.count, CountInput(text=text), LOCAL_WORK)
        self.advance(f"{words} words counted")
        return words
