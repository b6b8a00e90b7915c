import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, inspect, text

from tests.support.postgres import PostgresServer, cluster
from tests.support.processes import as_account, running


def test_a_test_gets_an_empty_database_on_each_engine(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE taken (id INTEGER PRIMARY KEY)"))
    assert inspect(engine).get_table_names() == ["taken"]
    engine.dispose()


def test_the_next_test_does_not_see_what_the_previous_one_left(database_url: str) -> None:
    engine = create_engine(database_url)
    assert inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE taken (id INTEGER PRIMARY KEY)"))
    engine.dispose()


def test_a_database_can_be_copied_from_another(postgres: PostgresServer) -> None:
    template = postgres.create()
    original = create_engine(postgres.url(template))
    with original.begin() as connection:
        connection.execute(text("CREATE TABLE copied (id INTEGER)"))
    original.dispose()
    name = postgres.create(template)
    copy = create_engine(postgres.url(name))
    assert inspect(copy).get_table_names() == ["copied"]
    copy.dispose()
    postgres.drop(name)
    postgres.drop(template)


def test_a_database_is_dropped_under_a_connection_left_open(postgres: PostgresServer) -> None:
    name = postgres.create()
    engine = create_engine(postgres.url(name))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        postgres.drop(name)
        connection.invalidate()
    engine.dispose()


def test_a_cluster_leaves_neither_process_nor_folder() -> None:
    with cluster() as server:
        assert server.answers()
        with create_engine(server.url("postgres")).connect() as connection:
            folder = Path(str(connection.execute(text("SHOW data_directory")).scalar_one()))
            connection.detach()
        assert folder.is_dir()
    assert not server.answers()
    assert not folder.exists()


def test_redis_is_empty_and_writable(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_is_empty_again_for_the_next_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_redis_is_reached_on_this_machine_only(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        assert client.config_get("save") == {"save": ""}


def test_a_server_that_does_not_come_up_is_quoted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no licence for this machine')"]
    with (
        pytest.raises(RuntimeError, match="no licence for this machine"),
        running(command, log=tmp_path / "log", ready=lambda: False),
    ):
        pytest.fail("it came up")


def test_a_server_dies_with_whoever_started_it() -> None:
    starter = (
        "import subprocess, sys, os, signal\n"
        "child = subprocess.Popen([*sys.argv[1:], 'sleep', '600'], stdout=subprocess.DEVNULL)\n"
        "while open(f'/proc/{child.pid}/comm').read() != 'sleep\\n': pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # This returns once nobody holds standard error any more, the orphan included.
    done = subprocess.run(
        [sys.executable, "-c", starter, *as_account(None)], stderr=subprocess.PIPE, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
