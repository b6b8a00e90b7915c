"""Artefacts: what is sealed opens, and whatever else lies in a folder is refused before it is read."""

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.registry.artefact import (
    SEAL,
    Artefact,
    copy_sealed,
    open_sealed,
    open_unsealed,
    seal,
    write_artefact,
)
from ml.registry.contents import CARD, EXAMPLES, GRAPH, KERAS, MAX_JSON, check_contents
from ml.registry.manifest import MANIFEST, ArtefactError, FileEntry, Manifest
from tests.support import models
from tests.support.models import write_toy

KEY = b"k" * 32
OTHER_KEY = b"o" * 32


@pytest.fixture
def sealed(tmp_path: Path) -> Artefact:
    return seal(write_toy(tmp_path / "toy"), KEY)


def resigned(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change a manifest and seal it anew, as somebody with the key could."""
    document = json.loads((folder / MANIFEST).read_bytes())
    change(document)
    (folder / MANIFEST).write_text(json.dumps(document), encoding="utf-8")
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    seal(Artefact(folder, models.MANIFEST, digest), KEY)


def test_what_was_sealed_opens_with_the_same_manifest_and_digest(sealed: Artefact) -> None:
    opened = open_sealed(sealed.folder, KEY, sealed.digest)

    assert opened == sealed
    assert opened.manifest.classes == ("Normal", "LBBB", "RBBB", "APB", "PVC")
    assert opened.manifest.inputs[0].shape == (None, 1000, 1)
    assert opened.read(CARD) == b"# Toy 0\n"
    assert opened.size == sum(
        path.stat().st_size for path in opened.folder.iterdir() if path.stem != "manifest"
    )


def test_another_sites_key_does_not_open_it(sealed: Artefact) -> None:
    with pytest.raises(ArtefactError, match="not sealed by this site's key"):
        open_sealed(sealed.folder, OTHER_KEY)


def test_without_a_seal_nothing_opens(tmp_path: Path) -> None:
    unsealed = write_toy(tmp_path / "toy")

    with pytest.raises(ArtefactError, match=r"manifest\.hmac is missing"):
        open_sealed(unsealed.folder, KEY)
    assert open_unsealed(unsealed.folder, unsealed.digest) == unsealed


def test_another_artefact_under_the_same_name_is_noticed(sealed: Artefact, tmp_path: Path) -> None:
    other = seal(write_toy(tmp_path / "other", seed=1), KEY)

    with pytest.raises(ArtefactError, match="its digest is"):
        open_sealed(other.folder, KEY, sealed.digest)


@pytest.mark.parametrize("name", [GRAPH, EXAMPLES, CARD, MANIFEST])
def test_a_single_altered_byte_is_noticed(sealed: Artefact, name: str) -> None:
    path = sealed.folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(ArtefactError):
        open_sealed(sealed.folder, KEY)


def test_the_seal_is_compared_before_the_manifest_is_parsed(sealed: Artefact) -> None:
    (sealed.folder / MANIFEST).write_bytes(b"[" * 200_000)  # would exhaust a parser's stack

    with pytest.raises(ArtefactError, match="not sealed"):
        open_sealed(sealed.folder, KEY)


def test_a_file_that_changes_after_opening_is_not_used(sealed: Artefact) -> None:
    opened = open_sealed(sealed.folder, KEY)
    (sealed.folder / GRAPH).write_bytes(b"\x08something else")

    with pytest.raises(ArtefactError, match=r"model\.onnx is not the file that was signed"):
        opened.read(GRAPH)


def test_half_of_a_file_or_a_missing_one_is_refused(sealed: Artefact) -> None:
    graph = (sealed.folder / GRAPH).read_bytes()
    (sealed.folder / GRAPH).write_bytes(graph[: len(graph) // 2])
    with pytest.raises(ArtefactError, match=r"model\.onnx is not the file that was signed"):
        open_sealed(sealed.folder, KEY)

    (sealed.folder / GRAPH).unlink()
    with pytest.raises(ArtefactError, match=r"model\.onnx is missing"):
        open_sealed(sealed.folder, KEY)


def test_a_longer_file_is_not_read_to_its_end(sealed: Artefact) -> None:
    with (sealed.folder / GRAPH).open("r+b") as file:
        file.truncate(10**12)  # sparse: a terabyte

    with pytest.raises(ArtefactError, match="longer than"):
        open_sealed(sealed.folder, KEY)


@pytest.mark.parametrize("name", ["more.onnx", "model.h5", "model.pkl", ".hidden", "a folder"])
def test_what_the_manifest_does_not_name_is_refused(sealed: Artefact, name: str) -> None:
    if name == "a folder":
        (sealed.folder / name).mkdir()
    else:
        (sealed.folder / name).write_bytes(b"x")

    with pytest.raises(ArtefactError, match="is not in the manifest"):
        open_sealed(sealed.folder, KEY)


@pytest.mark.parametrize("name", [GRAPH, MANIFEST, SEAL])
def test_links_are_not_followed(sealed: Artefact, tmp_path: Path, name: str) -> None:
    moved = tmp_path / "moved"
    shutil.move(sealed.folder / name, moved)
    (sealed.folder / name).symlink_to(moved)

    with pytest.raises(ArtefactError, match="cannot be read"):
        open_sealed(sealed.folder, KEY)


def test_a_linked_folder_and_a_pipe_are_refused(sealed: Artefact, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sealed.folder)
    with pytest.raises(ArtefactError, match="a link"):
        open_sealed(tmp_path / "link", KEY)

    (sealed.folder / GRAPH).unlink()
    os.mkfifo(sealed.folder / GRAPH)
    with pytest.raises(ArtefactError, match="is no file"):
        open_sealed(sealed.folder, KEY)


@pytest.mark.parametrize(
    "name",
    [
        "../model.onnx",
        "/etc/passwd.md",
        "sub/model.onnx",
        "..\\model.onnx",
        ".model.onnx",
        "model.onnx\0.md",
        "Model.onnx",
        "model",
        MANIFEST,
        "",
    ],
)
def test_names_that_lead_elsewhere_are_refused_even_when_signed(sealed: Artefact, name: str) -> None:
    def rename(document: dict[str, object]) -> None:
        files = document["files"]
        assert isinstance(files, dict)
        files[name] = files.pop(GRAPH)

    resigned(sealed.folder, rename)
    with pytest.raises(ArtefactError, match="is no name of a file here"):
        open_sealed(sealed.folder, KEY)


@pytest.mark.parametrize(
    "name", ["model.h5", "model.pkl", "model.joblib", "model.pt", "model.py", "model.so"]
)
def test_kinds_that_may_carry_code_are_refused_even_when_signed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtefactError, match="files of this kind are refused"):
        write_artefact(tmp_path / "toy", models.MANIFEST, {name: b"x"})


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("/nonexistent/never-made",)


def pickled() -> bytes:
    return pickle.dumps(Trap())


def archive(**members: bytes) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "."), data)
    return output.getvalue()


def keras(config: object) -> bytes:
    return saved(json.dumps(config).encode())


def saved(config: bytes) -> bytes:
    return archive(metadata__json=b"{}", config__json=config, **{"model.weights.h5": b"\x89HDF"})


def numpy_objects() -> bytes:
    output = io.BytesIO()
    np.savez(output, a=np.asarray([Trap()], object))
    return output.getvalue()


@pytest.mark.parametrize(
    "name, data",
    [
        (GRAPH, pickled()),
        (GRAPH, b"\x89HDF\r\n\x1a\n"),
        (KERAS, pickled()),
        (KERAS, b"\x89HDF\r\n\x1a\n"),
        (EXAMPLES, pickled()),
        (EXAMPLES, numpy_objects()),
        (EXAMPLES, archive(a__npy=pickled())),
        (KERAS, archive(metadata__json=b"{}", config__json=b"{}", model__pkl=pickled())),
        (KERAS, archive(config__json=b"{}", **{"../../evil.json": b"{}"})),
        (KERAS, saved(b"[" * 100_000)),
        (CARD, b"\xff\xfe"),
        ("model.json", pickled()),
        ("model.json", b"[" * 100_000),
        ("model.json", b"[]"),
        ("model.json", b'{"a": 1, "a": 2}'),
        ("model.json", b'{"a": NaN}'),
        ("model.json", b'{"a": 1} {}'),
        ("model.json", b'{"a": "' + b"x" * MAX_JSON + b'"}'),
    ],
    ids=[
        "a pickle as a graph",
        "HDF5 as a graph",
        "a pickle as a model",
        "HDF5 as a model",
        "a pickle as examples",
        "an array of objects",
        "a pickle as an array",
        "a pickle within",
        "a member that leads elsewhere",
        "no configuration",
        "bytes as a text",
        "a pickle as JSON",
        "JSON that is too deep",
        "a list",
        "a name twice",
        "no number",
        "more than one document",
        "too much JSON",
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(ArtefactError, match=name):
        check_contents(name, data)


def layer(kind: str, module: str = "keras.layers") -> dict[str, object]:
    return {"module": module, "class_name": kind, "config": {}, "registered_name": None}


@pytest.mark.parametrize(
    "inner",
    [
        layer("Lambda"),
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
        layer("Dense", "os"),
        layer("Mine", "kerasevil.layers"),
        {"module": "builtins", "class_name": "function", "config": "eval"},
        layer("TFSMLayer"),
    ],
    ids=["Lambda", "a serialised lambda", "another module", "a module of like name", "eval", "a saved model"],
)
def test_a_model_with_code_in_it_is_refused_however_deep_it_lies(inner: dict[str, object]) -> None:
    wrapped = layer("Sequential", "keras") | {
        "config": {"layers": [layer("TimeDistributed"), [{"layer": inner}]]}
    }

    with pytest.raises(ArtefactError, match="may carry code"):
        check_contents(KERAS, keras(wrapped))
    check_contents(KERAS, keras(layer("Sequential", "keras")))


def test_an_archive_that_would_grow_is_refused_before_it_does() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.npy", bytes(65 * 2**20))

    with pytest.raises(ArtefactError, match="too large"):
        check_contents(EXAMPLES, output.getvalue())


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 1},
        {"settings": []},
        {"parity": 1e-4},
        {"classes": [1]},
        {"classes": []},
        {"metrics": {"f1": "high"}},
        {"files": {"model.onnx": {"size": 1}}},
        {"extra": 1},
        {"inputs": None},
    ],
    ids=str,
)
def test_a_manifest_whose_figures_do_not_fit_is_refused(wrong: dict[str, object]) -> None:
    document = json.loads(models.MANIFEST.to_bytes()) | wrong

    with pytest.raises(ArtefactError, match="not a manifest of format 2"):
        Manifest.from_bytes(json.dumps(document).encode())
    assert Manifest.from_bytes(models.MANIFEST.to_bytes()) == models.MANIFEST


def test_no_parity_above_a_hundred_thousandth_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="parity"):
        write_toy(tmp_path / "toy", parity=2e-5)


def test_sizes_and_numbers_of_files_are_bounded(sealed: Artefact) -> None:
    huge = {GRAPH: FileEntry(65 * 2**20, "0" * 64)}
    many = {f"a{number}.md": FileEntry(1, "0" * 64) for number in range(17)}
    for files, words in ((huge, "bytes"), (many, "more than 16"), ({GRAPH: FileEntry(0, "0" * 64)}, "bytes")):

        def put(document: dict[str, object], files: dict[str, FileEntry] = files) -> None:
            document["files"] = {name: vars(entry) for name, entry in files.items()}

        resigned(sealed.folder, put)
        with pytest.raises(ArtefactError, match=words):
            open_sealed(sealed.folder, KEY)


def test_a_copy_appears_whole_under_its_digest_and_a_whole_one_stays(
    sealed: Artefact, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    first = copy_sealed(sealed.folder, cache, KEY)
    made = first.folder.stat().st_ino

    assert first.folder == cache / sealed.digest
    assert open_sealed(first.folder, KEY, sealed.digest) == first
    assert copy_sealed(sealed.folder, cache, KEY).folder.stat().st_ino == made
    assert [path.name for path in cache.iterdir()] == [sealed.digest]


def test_a_damaged_copy_is_replaced_and_a_damaged_source_changes_nothing(
    sealed: Artefact, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    copied = copy_sealed(sealed.folder, cache, KEY)
    (copied.folder / GRAPH).write_bytes(b"\x08")
    assert open_sealed(copy_sealed(sealed.folder, cache, KEY).folder, KEY) == copied

    (sealed.folder / GRAPH).write_bytes(b"\x08")
    with pytest.raises(ArtefactError):
        copy_sealed(sealed.folder, cache, KEY)
    assert open_sealed(copied.folder, KEY) == copied
    assert [path.name for path in cache.iterdir()] == [sealed.digest]


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    write_toy(tmp_path / "toy")

    with pytest.raises(ArtefactError, match="is there already"):
        write_toy(tmp_path / "toy")
