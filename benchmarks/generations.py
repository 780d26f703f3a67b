"""Generations per minute on this machine, by the small local model: `python -m benchmarks.generations --help`

The same texts are asked of the model's own server directly, as many at a time, before and after: the ratio of the rates
is what the queue costs. It needs `make model`, and beside it `make dev` with the setting that `make model` prints and
SPACES_WORKER_CONCURRENCY=4.
"""

import argparse
import asyncio
import statistics
import time

from activities.prompting import prompt_of
from adapters.models.openai_models import OpenAiModels
from benchmarks.system import running_system
from contracts.generation_kinds import GenerationType
from contracts.generation_ports import Question
from contracts.generations import GenerationInput, GenerationParameters
from contracts.model_endpoints import ModelEndpoint
from dev.model import MODEL_PORT, endpoint

AT_ONCE = 4
TOKENS = 40
ORDER = GenerationInput(
    generation_type=GenerationType.SOCIAL_CONTENT,
    output="text",
    parameters=GenerationParameters(prompt="We open on Saturdays again, from 9 to 2", max_tokens=TOKENS),
)


async def direct(port: int, jobs: int) -> float:
    """Return the seconds that the model's server alone takes for so many texts."""
    models = OpenAiModels(ModelEndpoint.model_validate(endpoint(port)))
    places, began = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def one() -> None:
        async with places:
            model = models.model_for(ORDER.generation_type) or ""
            await models.write(Question("acme", model, prompt_of(ORDER), TOKENS), lambda _: None)

    await asyncio.gather(*(one() for _ in range(jobs)))
    await models.close()
    return time.monotonic() - began


async def queued(jobs: int) -> float:
    """Return the seconds that the running system takes for so many texts; its worker has AT_ONCE places.

    Raises:
        SystemExit: A job did not complete.
    """
    here = running_system()
    body = {"jobType": "ai_generation", "payload": ORDER.to_wire(only_given=True)}
    began = time.monotonic()
    answer = await here.http.post("/v1/jobs/bulk", json={"jobs": [body] * jobs})
    left = {item["id"] for item in answer.raise_for_status().json()["items"]}
    while left:
        await asyncio.sleep(0.25)
        for status in ("completed", "failed", "dead"):
            listed = (await here.http.get("/v1/jobs", params={"status": status, "limit": 200})).json()["items"]
            ended = left & {job["id"] for job in listed}
            if ended and status != "completed":
                raise SystemExit(f"{ended.pop()} is {status}")
            left -= ended
    return time.monotonic() - began


async def measure(jobs: int, port: int) -> None:
    """Print the rates: the model's server alone, through the queue, and alone again."""
    before = await direct(port, jobs)
    through = await queued(jobs)
    after = await direct(port, jobs)
    alone = statistics.mean((before, after))
    print(f"{jobs} texts of {TOKENS} tokens, {AT_ONCE} at a time")
    for name, seconds in (
        ("the server alone, before", before),
        ("through the queue", through),
        ("alone, after", after),
    ):
        print(f"{name:26} {seconds:6.1f} s  {jobs / seconds * 60:7.1f} per minute")
    print(f"{'the queue against alone':26} {alone / through:6.2f}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--port", type=int, default=MODEL_PORT, help="of the model that `make model` serves")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.jobs, arguments.port))


if __name__ == "__main__":
    main()
