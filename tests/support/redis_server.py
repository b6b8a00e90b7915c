"""A real Redis of each test process's own, empty for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.processes import free_port, running


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """Return a client of a Redis server of this test process's own, which keeps nothing on disk."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    with (
        redis.Redis(host="127.0.0.1", port=port) as client,
        running(
            [*command, "--save", "", "--appendonly", "no"],
            log=Path(folder, "log"),
            ready=lambda: _answers(client),
        ),
    ):
        yield client


@pytest.fixture
def redis_url(redis_server: redis.Redis) -> str:
    """Return the URL of an empty Redis."""
    redis_server.flushall()
    address = redis_server.get_connection_kwargs()
    return f"redis://{address['host']}:{address['port']}/0"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
