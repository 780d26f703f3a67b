"""Payments at speed over bad lines and dying workers: each has one effect, and the ledger agrees to the cent.

`python -m benchmarks.payments --help`. Everything runs on loopback, on a server, a database, a third party's Stripe
emulator and processes of its own. While it lasts the line to the emulator is cut in every way, workers are killed,
Temporal is frozen and the database is locked, one after the other and at random.
"""

import argparse
import asyncio
import collections
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import func, select

from benchmarks.system import ready
from benchmarks.toxiproxy import FAULTS, REFUSED, Line, toxic_line, toxiproxy_program
from dev.emulator import SECRET_KEY, command
from readmodel.database import Database
from readmodel.tables import JobRow, PaymentPostingRow, PaymentRow
from temporal.devserver import DevServer, free_port
from temporal.program import find_program

KEY = "sq_payments-key-of-this-run-only-0"
TENANTS = [f"shop-{number}" for number in range(10)]
ENDS = ("completed", "failed", "cancelled")
FAULT_SECONDS = (0.5, 2.5)
"""How long a fault lasts."""
REST_SECONDS = (0.5, 2.5)
"""How long nothing is wrong, until the next one."""
DECLINED_SHARE, INLINE_SHARE = 0.05, 0.3


@dataclass(frozen=True)
class Plan:
    """What to do."""

    payments: int
    per_minute: float
    workers: int
    patience: float
    seed: int


@dataclass
class Fleet:
    """The worker processes, killed and replaced."""

    environment: dict[str, str]
    log: Path
    children: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def hire(self) -> None:
        """Start one more worker."""
        with self.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "worker.py", "--concurrency", "16", env=self.environment, stdout=log, stderr=log
            )
        self.children.append(child)

    async def kill_one(self, chance: random.Random) -> None:
        """Kill one at random, and start another in its place."""
        victim = self.children.pop(chance.randrange(len(self.children)))
        victim.kill()
        await victim.wait()
        await self.hire()


@dataclass
class Bench:
    """A running system, and all that can be done to it."""

    http: httpx.AsyncClient
    stripe: httpx.AsyncClient
    line: Line
    fleet: Fleet
    temporal_pid: int
    folder: Path
    chance: random.Random
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    last_fault_at: float = 0.0

    async def keep_hurting(self) -> None:
        """Have one fault after the other, without end."""
        faults: dict[str, Callable[[], Awaitable[None]]] = {
            **{name: self._line_fault(name) for name in (*FAULTS, REFUSED)},
            "worker killed": lambda: self.fleet.kill_one(self.chance),
            "Temporal frozen": self._freeze,
            "database locked": self._lock,
        }
        while True:
            name = self.chance.choice(list(faults))
            await faults[name]()
            self.faults[name] += 1
            self.last_fault_at = time.perf_counter()
            await asyncio.sleep(self.chance.uniform(*REST_SECONDS))

    def _line_fault(self, name: str) -> Callable[[], Awaitable[None]]:
        async def hurt() -> None:
            await self.line.worse(name)
            try:
                await self._a_while()
            finally:
                await self.line.well()

        return hurt

    async def _freeze(self) -> None:
        os.kill(self.temporal_pid, signal.SIGSTOP)
        try:
            await self._a_while()
        finally:
            os.kill(self.temporal_pid, signal.SIGCONT)

    async def _lock(self) -> None:
        file = self.folder / "spaces.db"
        other = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
        with closing(other):
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            try:
                await self._a_while()
            finally:
                other.execute("ROLLBACK")

    async def _a_while(self) -> None:
        await asyncio.sleep(self.chance.uniform(*FAULT_SECONDS))


async def measure(plan: Plan, folder: Path) -> bool:
    """Run it and print what came of it; tell whether every promise was kept. SIGTERM ends it and all its processes."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as stack:
        bench = await _set_up(plan, folder, stack)
        database = Database(f"sqlite:///{folder / 'spaces.db'}")
        stack.push_async_callback(database.close)
        hurting = asyncio.create_task(bench.keep_hurting())
        began = time.perf_counter()
        orders = await _submit(plan, bench)
        submitted = time.perf_counter() - began
        hurting.cancel()
        with suppress(asyncio.CancelledError):
            await hurting
        over_at = time.perf_counter()
        statuses = await _all_still(database, plan, bench)
        recovery = time.perf_counter() - over_at
        print(f"{plan.payments} payments accepted in {submitted:.0f} s: {60 * plan.payments / submitted:.0f}/min")
        print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(bench.faults.items())))
        print("jobs: " + ", ".join(f"{name} {count}" for name, count in sorted(statuses.items())))
        print(f"all still {recovery:.1f} s after the last payment came in and the last fault was over")
        return await _judged(plan, bench, database, orders, statuses)


async def _judged(
    plan: Plan, bench: Bench, database: Database, orders: dict[str, int], statuses: collections.Counter[str]
) -> bool:
    taken = await _taken(bench.stripe)
    states, ledger, unbalanced = await _ledger(database)
    effects = collections.Counter(taken[order][0] for order in orders if order in taken)
    twice = sum(count for times, count in effects.items() if times > 1)
    at_stripe = sum(amount for _, amount in taken.values())
    lost = plan.payments - statuses.total()
    person = statuses["dead"]
    print("ledger: " + ", ".join(f"{name} {count}" for name, count in sorted(states.items())))
    print(f"at the emulator: {effects.total()} orders paid, {twice} of them more than once, {at_stripe} cents")
    print(f"in the ledger: {states['confirmed']} confirmed, {ledger} cents, {unbalanced} keys out of balance")
    print(f"lost: {lost}; needing a person: {person} ({person / plan.payments:.2%})")
    return (
        not (lost or twice or person or unbalanced) and at_stripe == ledger and effects.total() == states["confirmed"]
    )


async def _submit(plan: Plan, bench: Bench) -> dict[str, int]:
    """Submit all at the wanted pace; return the amount of each order, in cents."""
    orders: dict[str, int] = {}
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(plan.payments):
            await asyncio.sleep(max(0.0, began + number * 60 / plan.per_minute - time.perf_counter()))
            order, amount = f"order-{number}", bench.chance.randint(50, 50_000)
            orders[order] = amount
            body = _body(order, amount, bench.chance)
            group.create_task(_accepted(bench.http, order, body, bench.chance.choice(TENANTS)))
    return orders


def _body(order: str, amount: int, chance: random.Random) -> dict[str, Any]:
    declined = chance.random() < DECLINED_SHARE
    payload = {
        "operation": "charge",
        "amountMinor": amount,
        "currency": "EUR",
        "orderId": order,
        "paymentMethod": "pm_card_chargeCustomerFail" if declined else "pm_card_visa",
    }
    fallback = "inline" if chance.random() < INLINE_SHARE else "queue"
    return {"jobType": "payment_processing", "payload": payload, "fallback": fallback}


async def _accepted(http: httpx.AsyncClient, order: str, body: dict[str, Any], tenant: str) -> None:
    """Submit one payment until it is accepted, under one key."""
    headers = {"Idempotency-Key": order, "X-Tenant-Id": tenant}
    while True:
        with suppress(httpx.TransportError):
            answer = await http.post("/v1/jobs", json=body, headers=headers)
            if answer.status_code == httpx.codes.ACCEPTED:
                return
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text  # noqa: S101  nothing else is right
        await asyncio.sleep(0.5)


async def _taken(stripe: httpx.AsyncClient) -> dict[str, tuple[int, int]]:
    """Return for each order how often it was paid at the emulator, and how many cents in all."""
    taken: dict[str, tuple[int, int]] = {}
    after: dict[str, str] = {}
    while True:
        page = (await stripe.get("/v1/payment_intents", params={"limit": "100", **after})).json()
        for intent in page["data"]:
            if intent["status"] == "succeeded":
                order = intent["metadata"]["spaces_order"]
                times, amount = taken.get(order, (0, 0))
                taken[order] = (times + 1, amount + intent["amount"])
        if not page["has_more"]:
            return taken
        after = {"starting_after": page["data"][-1]["id"]}


async def _ledger(database: Database) -> tuple[collections.Counter[str], int, int]:
    """Return the ledger's states, the cents it has as taken, and the keys whose postings do not add up to nothing."""
    states = select(PaymentRow.state, func.count()).group_by(PaymentRow.state)
    total = select(func.coalesce(func.sum(PaymentPostingRow.amount_minor), 0))
    amount = func.sum(PaymentPostingRow.amount_minor)
    wrong = select(PaymentPostingRow.key).group_by(PaymentPostingRow.key).having(amount != 0)
    async with database.read() as connection:
        found = collections.Counter({row[0]: row[1] for row in (await connection.execute(states)).all()})
        cents = await connection.scalar(total.where(PaymentPostingRow.account == "provider"))
        return found, int(cents or 0), len((await connection.execute(wrong)).all())


async def _all_still(database: Database, plan: Plan, bench: Bench) -> collections.Counter[str]:
    """Return the statuses as soon as every job has ended, or when the patience is over."""
    query = select(JobRow.status, func.count()).group_by(JobRow.status)
    until = time.perf_counter() + plan.patience
    while True:
        async with database.read() as connection:
            found = collections.Counter({row[0]: row[1] for row in (await connection.execute(query)).all()})
        if sum(found[name] for name in ENDS) >= plan.payments or time.perf_counter() > until:
            return found
        await asyncio.sleep(0.5)


async def _set_up(plan: Plan, folder: Path, stack: AsyncExitStack) -> Bench:
    port, stripe_port = free_port(0, "API", print), free_port(0, "the Stripe emulator", print)
    server = DevServer(
        await find_program(print), port=free_port(0, "Temporal", print), log=folder / "t.log", database=folder / "t.db"
    )
    await stack.enter_async_context(server)
    await stack.enter_async_context(_process(folder / "stripe.log", *command(stripe_port)))
    line = await stack.enter_async_context(toxic_line(await toxiproxy_program(), f"127.0.0.1:{stripe_port}"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPACES_")} | {
        "TEMPORAL_ADDRESS": server.address,
        "SPACES_DATA_DIR": str(folder),
        "SPACES_API_PORT": str(port),
        "SPACES_ADMIN_KEY": KEY,
        "SPACES_STRIPE_SECRET_KEY": SECRET_KEY,
        "SPACES_STRIPE_API_URL": line.url,
        "SPACES_SUBMIT_PER_MINUTE": "1000000",
    }
    await stack.enter_async_context(_process(folder / "api.log", sys.executable, "serve.py", environment=environment))
    http = await stack.enter_async_context(
        _client(f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"})
    )
    stripe = await stack.enter_async_context(_client(f"http://127.0.0.1:{stripe_port}", auth=(SECRET_KEY, "")))
    await ready(http)
    fleet = Fleet(environment, folder / "workers.log")
    stack.push_async_callback(_dismiss, fleet)
    for _ in range(plan.workers):
        await fleet.hire()
    chance = random.Random(plan.seed)  # noqa: S311  nothing secret is drawn
    assert urlsplit(line.url).hostname == "127.0.0.1"  # noqa: S101  loopback only
    return Bench(http, stripe, line, fleet, server.pid or 0, folder, chance)


def _client(url: str, **options: Any) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=200)
    return httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False, **options)


@asynccontextmanager
async def _process(log: Path, *program: str, environment: dict[str, str] | None = None) -> AsyncIterator[None]:
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(*program, env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        child.kill()
        await child.wait()


async def _dismiss(fleet: Fleet) -> None:
    for child in fleet.children:
        child.kill()
        await child.wait()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Payments over bad lines and dying workers, on loopback.")
    parser.add_argument("--payments", type=int, default=2000)
    parser.add_argument("--per-minute", type=float, default=2000.0, help="the pace of submission")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds to wait for the last one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep data and logs there (default: a temporary folder)")
    given = parser.parse_args()
    plan = Plan(given.payments, given.per_minute, given.workers, given.patience, given.seed)
    with tempfile.TemporaryDirectory() as name:
        kept = asyncio.run(measure(plan, given.folder or Path(name)))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
