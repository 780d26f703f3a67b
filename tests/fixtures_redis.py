"""Redis for tests: a server that speaks its protocol, and one that never answers."""

import socket
import threading
from collections.abc import Iterator

import pytest
from fakeredis import FakeRedis, TcpFakeServer
from limits.aio.storage.redis.bridge import RedisBridge


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server that speaks Redis' protocol and runs its scripts."""
    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    server.daemon_threads = True
    loading = FakeRedis(server=server.fake_server)
    for name in filter(lambda name: name.startswith("SCRIPT_"), dir(RedisBridge)):
        # this server hangs up where Redis tells a client to load its script first
        loading.script_load(getattr(RedisBridge, name))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"async+redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent_redis_url() -> Iterator[str]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"async+redis://127.0.0.1:{listening.getsockname()[1]}/0"
