import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from schema.services.blobs import BlobMissingError, BlobStore, FolderBlobStore, S3BlobStore
from tests.support.processes import free_port

MISSING = hashlib.sha256(b"never stored").hexdigest()
ACCESS = {"region_name": "eu-west-3", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Return the address of a server that speaks S3 over HTTP."""
    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return FolderBlobStore(tmp_path / "blobs")
    name, options = made_bucket(request.getfixturevalue("s3_url"))
    return S3BlobStore(name, **options)


def made_bucket(url: str) -> tuple[str, dict[str, str]]:
    """Make an empty bucket and return its name and how to reach it."""
    name, options = f"chevet-{uuid4().hex}", {"endpoint_url": url, **ACCESS}
    place = {"LocationConstraint": ACCESS["region_name"]}
    boto3.client("s3", **options).create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return name, options


def test_a_blob_is_kept_under_the_digest_of_its_bytes(store: BlobStore) -> None:
    key = store.put(b"an ECG", "image/png")
    assert key == hashlib.sha256(b"an ECG").hexdigest()
    assert store.get(key) == b"an ECG"


def test_a_blob_can_be_read_in_pieces(store: BlobStore) -> None:
    key = store.put(b"0123456789", "image/png")
    with store.open(key) as stream:
        assert (stream.read(4), stream.read(4), stream.read()) == (b"0123", b"4567", b"89")


def test_storing_the_same_bytes_twice_changes_nothing(store: BlobStore) -> None:
    assert store.put(b"an ECG", "image/png") == store.put(b"an ECG", "image/png")


def test_a_missing_blob_is_told_apart(store: BlobStore) -> None:
    assert not store.exists(MISSING)
    for read in (store.get, store.open):
        with pytest.raises(BlobMissingError):
            read(MISSING)


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "/etc/passwd", "A" * 64, MISSING + "\n", MISSING + "0"]
)
def test_what_is_no_key_names_no_blob(store: BlobStore, key: str) -> None:
    assert not store.exists(key)
    with pytest.raises(BlobMissingError):
        store.get(key)


def test_a_store_that_answers_is_healthy(store: BlobStore) -> None:
    assert store.healthy()


def test_a_folder_blob_is_a_file_nobody_else_has_begun(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path)
    key = store.put(b"an ECG", "image/png")
    path = store.path(key)
    assert path is not None
    assert path.read_bytes() == b"an ECG"
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == [key]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path)
    key = hashlib.sha256(b"an ECG").hexdigest()
    (tmp_path / key[:2] / key).mkdir(parents=True)
    with pytest.raises(OSError, match=key):
        store.put(b"an ECG", "image/png")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_eight_writers_of_the_same_bytes_agree(tmp_path: Path) -> None:
    store, keys = FolderBlobStore(tmp_path), list[str]()
    threads = [
        threading.Thread(target=lambda: keys.append(store.put(b"x" * 100_000, "image/png"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert store.get(keys[0]) == b"x" * 100_000
    assert len([each for each in tmp_path.rglob("*") if each.is_file()]) == 1


def test_a_folder_that_cannot_be_made_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert not FolderBlobStore(tmp_path / "file" / "blobs").healthy()


def test_an_object_keeps_its_media_type(s3_url: str) -> None:
    name, options = made_bucket(s3_url)
    key = S3BlobStore(name, **options).put(b"an ECG", "image/webp")
    assert boto3.client("s3", **options).head_object(Bucket=name, Key=key)["ContentType"] == "image/webp"


def test_a_bucket_that_is_not_there_is_not_healthy(s3_url: str) -> None:
    assert not S3BlobStore("nowhere", endpoint_url=s3_url, **ACCESS).healthy()


def test_a_deleted_blob_is_missing_and_deleting_again_does_nothing(store: BlobStore) -> None:
    key = store.put(b"an export", "application/jsonl")
    for _ in range(2):
        store.delete(key)
    store.delete("../../etc/passwd")
    assert not store.exists(key)


def test_a_blob_is_discarded_unless_it_was_stored_again_since(store: BlobStore) -> None:
    key = store.put(b"an ECG", "image/png")
    now = datetime.now(UTC)
    assert not store.discard(key, now - timedelta(minutes=1))
    assert store.get(key) == b"an ECG"
    for _ in range(2):
        assert store.discard(key, now + timedelta(minutes=1))
    assert store.discard("../../etc/passwd", now)
    assert not store.exists(key)


def test_storing_a_file_again_keeps_it_from_being_discarded(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path)
    key = store.put(b"an ECG", "image/png")
    path = store.path(key)
    assert path is not None
    os.utime(path, (0, 0))
    store.put(b"an ECG", "image/png")
    assert not store.discard(key, datetime.now(UTC) - timedelta(minutes=1))
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == [key]
