"""Databases are fetched from a real server with PhysioNet's layout, in its good and bad moods."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.__main__ import main

FILES = {
    f"{record}.{ending}": f"{ending} of {record} ".encode() * 2000
    for record in (100, 101, 207)
    for ending in ("hea", "dat", "atr")
}


class PhysioNet(http.server.ThreadingHTTPServer):
    """Serves the files of mitdb and keeps what it was asked and how much it sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(FILES)
        published = {**FILES, "x_mitdb/x_108.dat": b"not read", "mitdbdir/intro.htm": b"nor this"}
        self.sums = "".join(
            f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in published.items()
        )
        self.sent: dict[str, int] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/files/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PhysioNet

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        name = self.path.removeprefix("/files/mitdb/1.0.0/")
        content = self.server.sums.encode() if name == "SHA256SUMS.txt" else self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        part = content[start : int(asked[2]) + 1 if asked and asked[2] else None]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            self.wfile.write(part)
            self.server.sent[name] = self.server.sent.get(name, 0) + len(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def physionet() -> Iterator[PhysioNet]:
    with PhysioNet() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def fetch(physionet: PhysioNet, folder: Path) -> int:
    return main(["download", "mitdb", "--output", str(folder), "--mirror", physionet.address])


def test_a_database_arrives_whole_and_without_what_nothing_reads(
    physionet: PhysioNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "mitdb"

    assert fetch(physionet, folder) == 0
    assert capsys.readouterr().out == f"{folder}: 9 files, as published\n"
    arrived = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert arrived == {**FILES, "SHA256SUMS.txt": physionet.sums.encode()}


def test_an_interrupted_download_goes_on_where_it_stopped(physionet: PhysioNet, tmp_path: Path) -> None:
    (tmp_path / "100.dat").write_bytes(FILES["100.dat"])
    (tmp_path / "101.dat").write_bytes(FILES["101.dat"][:20000])

    assert fetch(physionet, tmp_path) == 0
    assert "100.dat" not in physionet.sent
    assert physionet.sent["101.dat"] == len(FILES["101.dat"]) - 20000
    assert (tmp_path / "101.dat").read_bytes() == FILES["101.dat"]


def test_a_file_damaged_here_is_fetched_anew(physionet: PhysioNet, tmp_path: Path) -> None:
    for spoilt in (b"\0" * len(FILES["207.atr"]), b"\0" * 7, b"\0" * 99999):
        (tmp_path / "207.atr").write_bytes(spoilt)

        assert fetch(physionet, tmp_path) == 0
        assert (tmp_path / "207.atr").read_bytes() == FILES["207.atr"]


def test_each_missing_and_each_damaged_file_is_named_and_the_others_are_kept(
    physionet: PhysioNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del physionet.files["101.atr"]
    physionet.files["207.dat"] = b"something else"

    assert fetch(physionet, tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path / '101.atr'}: missing at the source",
        f"{tmp_path / '207.dat'}: damaged (not the SHA-256 that SHA256SUMS.txt has)",
    ]
    assert (tmp_path / "207.hea").read_bytes() == FILES["207.hea"]


def test_a_server_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", "svdb", "--output", str(tmp_path), "--mirror", "http://127.0.0.1:9/files/"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_list_without_files_of_the_database_is_refused(
    physionet: PhysioNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    physionet.sums = "<html>"

    assert fetch(physionet, tmp_path) == 1
    assert "lists no file of mitdb" in capsys.readouterr().err
