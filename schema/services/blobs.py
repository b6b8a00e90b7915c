"""Where files are kept: content-addressed, so that a key always names the same bytes."""

import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

KEY = re.compile(r"[0-9a-f]{64}")


class BlobMissingError(LookupError):
    """No blob of that key is stored."""


class BlobStore(Protocol):
    """Stores bytes under the SHA-256 of their content."""

    def put(self, data: bytes, media_type: str) -> str:
        """Store durably and return the key; storing the same bytes again changes nothing."""
        ...

    def get(self, key: str) -> bytes:
        """Return the bytes; raises `BlobMissingError` when there are none."""
        ...

    def path(self, key: str) -> Path | None:
        """Return the file of a stored blob, or None where blobs are no local files."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Return a binary stream the caller closes; raises `BlobMissingError` when there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether a blob of that key is stored."""
        ...

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no fault. Only for bytes that nothing else can name."""
        ...

    def discard(self, key: str, before: datetime) -> bool:
        """Remove a blob unless it was stored, for the first time or again, at `before` or later.

        Returns whether it is gone.
        """
        ...

    def healthy(self) -> bool:
        """Return whether a blob could be stored now."""
        ...


@contextmanager
def lying(blobs: BlobStore, key: str) -> Iterator[Path]:
    """Have a blob as a file for as long as the block lasts; raises `BlobMissingError` when there is none."""
    if (path := blobs.path(key)) is not None:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="chevet-") as staged, blobs.open(key) as source:
        shutil.copyfileobj(source, staged)
        staged.flush()
        yield Path(staged.name)


def key_of(data: bytes) -> str:
    """Return the key bytes are stored under."""
    return hashlib.sha256(data).hexdigest()


class FolderBlobStore:
    """Blobs as files of a folder, spread over 256 subfolders.

    A blob appears under its name only once it is whole and on disk: a crash leaves a temporary file at most.

    Parameters
    ----------
    folder
        Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes, media_type: str) -> str:  # noqa: ARG002 - the database knows the media type
        """Store the bytes durably."""
        key = key_of(data)
        target = self._place(key)
        if not _renewed(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(target, data)
        return key

    def get(self, key: str) -> bytes:
        """Return the bytes."""
        with self.open(key) as stream:
            return stream.read()

    def path(self, key: str) -> Path | None:
        """Return the blob's file."""
        if not self.exists(key):
            raise BlobMissingError(key)
        return self._place(key)

    def open(self, key: str) -> BinaryIO:
        """Open the blob's file."""
        if not self.exists(key):
            raise BlobMissingError(key)
        return self._place(key).open("rb")

    def exists(self, key: str) -> bool:
        """Return whether the blob's file is there; what is no key names no file."""
        return KEY.fullmatch(key) is not None and self._place(key).is_file()

    def delete(self, key: str) -> None:
        """Remove the blob's file."""
        if KEY.fullmatch(key) is not None:
            self._place(key).unlink(missing_ok=True)

    def discard(self, key: str, before: datetime) -> bool:
        """Put the file aside, and back if it is newer: whoever stores the same meanwhile writes it anew."""
        if KEY.fullmatch(key) is None:
            return True
        place = self._place(key)
        aside = place.with_name(f".{key}")
        with suppress(FileNotFoundError):
            place.rename(aside)
        try:
            if aside.stat().st_mtime >= before.timestamp():
                aside.rename(place)
                return False
        except FileNotFoundError:
            return True
        aside.unlink()
        return True

    def healthy(self) -> bool:
        """Return whether a file can be written into the folder."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as probe:
                probe.write(b"probe")
        except OSError:
            return False
        return True

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / key


def _renewed(target: Path) -> bool:
    """Return whether the file is there, and have it look new to whoever would discard it."""
    if not target.is_file():
        return False
    try:
        os.utime(target)
    except FileNotFoundError:
        return False
    return True


def _write_durably(target: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class S3BlobStore:
    """Blobs as objects of an S3 bucket. Needs the extra `s3`.

    Parameters
    ----------
    bucket
        Must exist.
    options
        What `boto3.client("s3", …)` takes: `endpoint_url`, `region_name`, `aws_access_key_id`,
        `aws_secret_access_key`. What is left out boto3 finds in its usual places.
    """

    def __init__(self, bucket: str, **options: Any) -> None:
        import boto3  # noqa: PLC0415 - an extra, and half a second to import
        import botocore.exceptions  # noqa: PLC0415 - the same

        self._bucket = bucket
        self._refused = botocore.exceptions.ClientError
        self._unreachable = botocore.exceptions.BotoCoreError
        self._client = boto3.client("s3", **options)

    def put(self, data: bytes, media_type: str) -> str:
        """Store the bytes as one object of that media type."""
        key = key_of(data)
        # Also where it is there already: whoever discards it must see that somebody wants it again.
        self._client.put_object(Bucket=self._bucket, Key=key, Body=io.BytesIO(data), ContentType=media_type)
        return key

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        with self.open(key) as stream:
            return stream.read()

    def path(self, key: str) -> Path | None:  # noqa: ARG002 - the protocol's parameter
        """Return None: an object is no local file."""
        return None

    def open(self, key: str) -> BinaryIO:
        """Return the object's body as it arrives."""
        if KEY.fullmatch(key) is None:
            raise BlobMissingError(key)
        try:
            body: BinaryIO = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except self._refused as error:
            raise _missing(error, key) from None
        return body

    def exists(self, key: str) -> bool:
        """Return whether the bucket holds the object."""
        if KEY.fullmatch(key) is None:
            return False
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except self._refused as error:
            _missing(error, key)
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove the object."""
        if KEY.fullmatch(key) is not None:
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def discard(self, key: str, before: datetime) -> bool:
        """Remove the object if it is old; S3 cannot tell what is stored at that very moment."""
        if KEY.fullmatch(key) is None:
            return True
        try:
            stored: datetime = self._client.head_object(Bucket=self._bucket, Key=key)["LastModified"]
        except self._refused as error:
            _missing(error, key)
            return True
        if stored >= before:
            return False
        self.delete(key)
        return True

    def healthy(self) -> bool:
        """Return whether the bucket answers."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except (self._refused, self._unreachable):
            return False
        return True


def _missing(error: Any, key: str) -> BlobMissingError:
    """Return the error of a missing object; raises any other refusal again."""
    if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
        raise error
    return BlobMissingError(key)
