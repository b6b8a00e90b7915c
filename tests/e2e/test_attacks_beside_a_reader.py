"""While one client sends every attack we know, another reads as fast as before."""

import math
import threading
import time
from collections import defaultdict
from itertools import cycle

import httpx
import pytest

from schema.pagination import MAX_PAGE
from tests.e2e.conftest import Site
from tests.schema.attacks import ATTACKS
from tests.support.growth import crowding, slowness

READ = "{ cases(first: 50) { edges { node { id name annotations { id } } } } }"
READS = 100
READINGS = 3
"""Of so many 99th percentiles the least counts: what else the machine does now and then only adds to some."""
ROUNDS = 3
"""How often each attack is sent at least."""
LONGEST_REFUSAL_S = 0.05


def client(site: Site, name: str) -> httpx.Client:
    """Return a client with an account of its own; the server hangs up on whoever sends it a megabyte."""
    token = site.command("token", "create", "--role", "teacher", "--name", name)
    header, anew = {"authorization": f"Bearer {token}"}, httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=site.address, headers=header, timeout=30, limits=anew)


def timed(asking: httpx.Client, body: object) -> tuple[float, httpx.Response]:
    started = time.perf_counter()
    answer = asking.post("/graphql", json=body)
    return time.perf_counter() - started, answer


def reading(reader: httpx.Client) -> float:
    """Return the 99th percentile of some reads, in seconds."""
    taken = []
    for _ in range(READS):
        seconds, answer = timed(reader, {"query": READ})
        assert answer.json()["data"]["cases"]["edges"], answer.text
        taken.append(seconds)
    return sorted(taken)[math.ceil(0.99 * READS) - 1]


class Attacker(threading.Thread):
    """Sends one attack after the other until it is stopped and each has been sent some times."""

    def __init__(self, sending: httpx.Client) -> None:
        super().__init__()
        self._sending, self._stopped = sending, threading.Event()
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.codes: set[str] = set()

    def run(self) -> None:
        wanted = ROUNDS * len(ATTACKS)
        for sent, name in enumerate(cycle(ATTACKS)):
            if self._stopped.is_set() and sent >= wanted:
                return
            body = {"query": ATTACKS[name], "variables": {"ids": ["x"] * MAX_PAGE}}
            seconds, answer = timed(self._sending, body)
            self.taken[name].append(seconds)
            self.codes |= {error["extensions"]["code"] for error in answer.json()["errors"]}

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@pytest.fixture
def attacker(site: Site) -> Attacker:
    return Attacker(client(site, "attacker"))


def test_another_clients_99th_percentile_stays_where_it_is(site: Site, attacker: Attacker) -> None:
    with client(site, "reader") as reader:
        reading(reader)  # the first ones wait for caches
        alone = min(reading(reader) for _ in range(READINGS))
        attacker.start()
        beside = min(reading(reader) for _ in range(READINGS))
        attacker.stop()
    scale = slowness() * crowding()
    assert {len(taken) >= ROUNDS for taken in attacker.taken.values()} == {True}
    assert attacker.taken.keys() == ATTACKS.keys()
    assert attacker.codes <= {"BAD_REQUEST", "TOO_MUCH", "HTTP_413"}
    slowest = {name: round(min(taken), 3) for name, taken in attacker.taken.items()}
    late = {name: least for name, least in slowest.items() if least > LONGEST_REFUSAL_S * scale}
    assert not late, f"with a machine {scale:.1f} times slower than usual"
    assert beside < 3 * alone + 2 * LONGEST_REFUSAL_S * scale, (alone, beside, scale)
