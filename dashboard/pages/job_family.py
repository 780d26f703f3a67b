"""A job's family: what it waits for, what it came from, what waits for it, and what came of it."""

from nicegui.element import Element

from contracts.errors import NotFound
from contracts.jobs import Job
from dashboard.parts.graph import Graph, Node
from dashboard.tab import Tab
from dashboard.words import job_link, said, short
from readmodel.filters import JobFilter
from readmodel.jobs import Detail

MOST = 20
"""Relatives of a kind that are drawn."""


async def family(tab: Tab, job: Job, place: Element) -> bool:
    """Draw the job with its relatives into `place`; False when it has none."""
    caller = await tab.who()
    wanted = (JobFilter(None, parent_job_id=job.id), JobFilter(None, depends_on=job.id))
    found = [(await tab.here.queue.list_jobs(caller, each, MOST, None, Detail.NONE))[0] for each in wanted]
    before = [*job.depends_on[:MOST], *([job.metadata.parent_job_id] if job.metadata.parent_job_id else [])]
    after = {each.id: each for jobs in found for each in jobs if each.id not in before}
    if not before and not after:
        return False
    nodes = [await _other(tab, name) for name in dict.fromkeys(before)]
    nodes += [_node(job, here=True), *map(_node, after.values())]
    needed = {job.id: before} | {name: [job.id] for name in after}
    with place:
        Graph("Jobs around this one", nodes, needed)
    return True


async def _other(tab: Tab, job_id: str) -> Node:
    try:
        return _node(await tab.here.queue.get_job(await tab.who(), job_id))
    except NotFound:
        return Node(job_id, short(job_id), "not there any more", None, job_link(job_id))


def _node(job: Job, *, here: bool = False) -> Node:
    return Node(
        job.id, short(job.id), f"{said(job.job_type)}, {job.status.value}", job.status.value, job_link(job.id), here
    )
