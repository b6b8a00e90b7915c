import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml.ecg import decoding
from ml.ecg.decoding import Decoded, DecodeError, DecodeFailure, DecoderPool

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(
        processes=2, timeout_s=1.5, memory_mb=600, decoder="tests.ml.ecg.misbehaving:decode"
    ) as pool:
        yield pool


def ask(pool: DecoderPool, folder: Path, behaviour: str) -> Decoded:
    path = folder / f"{behaviour}.txt"
    path.write_text(behaviour)
    [decoded] = pool.decode(path)
    return decoded


def failure(pool: DecoderPool, folder: Path, behaviour: str) -> DecodeFailure:
    with pytest.raises(DecodeError) as caught:
        ask(pool, folder, behaviour)
    return caught.value.code


def test_an_answer_arrives_as_the_child_gave_it(pool: DecoderPool, tmp_path: Path) -> None:
    decoded = ask(pool, tmp_path, "answer")
    assert (decoded.original, decoded.rendering, decoded.width, decoded.height) == (
        b"answer",
        b"answer!",
        1,
        2,
    )
    assert decoded.leads == ()
    assert decoded.duration_s is None


def test_each_file_has_a_process_of_its_own(pool: DecoderPool, tmp_path: Path) -> None:
    first, second = ask(pool, tmp_path, "answer"), ask(pool, tmp_path, "answer")
    assert first.thumbnail_webp != second.thumbnail_webp


@pytest.mark.parametrize(
    "behaviour,code",
    [
        ("sleep", DecodeFailure.TIMED_OUT),
        ("spin", DecodeFailure.TIMED_OUT),
        ("segfault", DecodeFailure.CRASHED),
        ("exit", DecodeFailure.CRASHED),
        ("kill parent", DecodeFailure.CRASHED),
        ("eat", DecodeFailure.TOO_LARGE),
        ("write", DecodeFailure.DAMAGED),
        ("tell", DecodeFailure.DAMAGED),
    ],
)
def test_a_misbehaving_decoder_is_one_error_and_the_pool_still_answers(
    pool: DecoderPool, tmp_path: Path, behaviour: str, code: DecodeFailure
) -> None:
    assert failure(pool, tmp_path, behaviour) is code
    assert ask(pool, tmp_path, "answer").original == b"answer"


def test_a_hanging_child_is_gone_after_its_time(pool: DecoderPool, tmp_path: Path) -> None:
    failure(pool, tmp_path, "spin")
    zygote = pool._zygote.pid  # noqa: SLF001 - the children's parent is what is asked about
    children = subprocess.run(["ps", "--ppid", str(zygote), "-o", "pid="], capture_output=True, check=False)
    assert children.stdout.split() == []


def test_an_error_says_its_code_and_nothing_of_the_file(pool: DecoderPool, tmp_path: Path) -> None:
    with pytest.raises(DecodeError) as caught:
        ask(pool, tmp_path, "tell")
    assert str(caught.value) == "damaged"


def test_a_child_cannot_write_files(pool: DecoderPool, tmp_path: Path) -> None:
    failure(pool, tmp_path, "write")
    written = tmp_path / "write.out"
    assert not written.exists() or written.read_bytes() == b""


def test_a_child_sees_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHEVET_SECRET_KEY", "s3cr3t-of-the-server")
    with DecoderPool(decoder="tests.ml.ecg.misbehaving:decode") as pool:
        assert b"s3cr3t" not in ask(pool, tmp_path, "environment").original


def test_many_threads_share_a_pool(pool: DecoderPool, tmp_path: Path) -> None:
    def one(index: int) -> str:
        folder = tmp_path / str(index)
        folder.mkdir()
        if index % 5:
            return ask(pool, folder, "answer").original.decode()
        return failure(pool, folder, "segfault").value

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(one, range(40)))
    assert outcomes == ["answer" if index % 5 else "crashed" for index in range(40)]


def test_empty_oversized_and_missing_files_are_refused_without_a_child(tmp_path: Path) -> None:
    empty, large = tmp_path / "empty.png", tmp_path / "large.png"
    empty.touch()
    with large.open("wb") as file:
        file.truncate(decoding.MAX_FILE_BYTES + 1)
    with DecoderPool(decoder="no.such.module:function") as pool:
        for path, code in (
            (empty, DecodeFailure.EMPTY),
            (large, DecodeFailure.TOO_LARGE),
            (tmp_path / "missing", DecodeFailure.DAMAGED),
        ):
            with pytest.raises(DecodeError) as caught:
                pool.decode(path)
            assert caught.value.code is code


def test_a_pool_that_cannot_start_its_decoder_says_crashed(tmp_path: Path) -> None:
    with DecoderPool(decoder="no.such.module:function") as pool:
        assert failure(pool, tmp_path, "answer") is DecodeFailure.CRASHED
        assert failure(pool, tmp_path, "answer") is DecodeFailure.CRASHED


def test_a_closed_pool_refuses_and_closing_twice_does_nothing(tmp_path: Path) -> None:
    pool = DecoderPool(decoder="tests.ml.ecg.misbehaving:decode")
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError):
        ask(pool, tmp_path, "answer")


def test_the_parent_imports_no_numpy_pydicom_or_pillow() -> None:
    program = (
        "import sys\n"
        "from ml.ecg.decoding import DecoderPool\n"
        "DecoderPool().close()\n"
        "print([name for name in ('numpy', 'pydicom', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
