"""Many ECGs at once: what a zip or a folder holds, in order, and what of a stranger's zip is not opened."""

import io
import struct
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ml.ecg import archive, batch
from ml.ecg.batch import Entry, File, Grouping, TooManyError, opened
from ml.ecg.decoded import DecodeError, DecodeFailure
from tests.ml.ecg.reading import put, signal_of
from tests.ml.ecg.samples import beats, wfdb_files, zipped
from tests.support.growth import slowness


def listed(files: dict[str, bytes], grouping: Grouping = Grouping.EACH) -> list[tuple[str, int]]:
    with opened(sent(files), grouping) as entries:
        return [(str(entry.name), entry.group) for entry in entries]


def sent(files: dict[str, bytes]) -> list[File]:
    return [File(name, io.BytesIO(data)) for name, data in files.items()]


def only(files: Sequence[File]) -> Entry:
    with opened(files, Grouping.EACH) as entries:
        [entry] = entries
    return entry


def failure(data: bytes) -> DecodeFailure | None:
    return only([File("x.zip", io.BytesIO(data))]).fault


def names(*names: str) -> dict[str, bytes]:
    return {name: name.encode() for name in names}


def test_ecgs_are_in_the_order_of_their_paths_numbers_as_numbers() -> None:
    files = names("b/ecg10.png", "b/ECG2.png", "a/z.png", "b/ecg02b.png", "7.png")
    assert [name for name, _group in listed(files)] == [
        "7.png",
        "a/z.png",
        "b/ECG2.png",
        "b/ecg02b.png",
        "b/ecg10.png",
    ]


@pytest.mark.parametrize(
    "grouping,groups",
    [
        (Grouping.EACH, [0, 1, 2, 3, 4]),
        (Grouping.FOLDER, [0, 0, 0, 0, 1]),
        (Grouping.PREFIX, [0, 0, 1, 2, 3]),
    ],
)
def test_ecgs_are_grouped_as_the_rule_says(grouping: Grouping, groups: list[int]) -> None:
    files = names("a/P012_1.png", "a/P012_after.pdf", "a/P012_b_1.png", "a/P13.png", "b/P012_1.png")
    assert listed(files, grouping) == list(zip(sorted(files), groups, strict=True))


@pytest.mark.parametrize("separated", ["P1 1.png", "P1-1.png", "P1_1.png", "P1 - 1.png"])
def test_a_prefix_ends_at_an_underscore_a_hyphen_or_a_blank(separated: str) -> None:
    assert {group for _, group in listed(names("P1_x.png", separated), Grouping.PREFIX)} == {0}


def test_a_name_made_to_be_read_slowly_is_grouped_at_once() -> None:
    long = "_" * 30_000 + "a"
    files = {"x.zip": zipped(names(f"{long}_1.png", f"{long}_2.png"))}
    begun = time.process_time()
    assert [group for _name, group in listed(files, Grouping.PREFIX)] == [0, 0]
    assert time.process_time() - begun < 2 * slowness()


def test_zips_are_opened_among_other_files_and_are_folders_of_their_own() -> None:
    files = names("x.png") | {"one.zip": zipped(names("a.png", "b.png")), "two.zip": zipped(names("a.png"))}
    assert listed(files, Grouping.FOLDER) == [
        ("one.zip/a.png", 0),
        ("one.zip/b.png", 0),
        ("two.zip/a.png", 1),
        ("x.png", 2),
    ]


def test_what_systems_strew_about_is_no_ecg() -> None:
    strewn = names("__MACOSX/._a.png", ".DS_Store", "f/Thumbs.db", "f/desktop.ini", "f/.hidden/a.png")
    assert listed({"x.zip": zipped(names("f/a.png") | strewn)}) == [("x.zip/f/a.png", 0)]


def test_the_files_of_a_wfdb_record_are_one_ecg_and_records_are_told_apart(tmp_path: Path) -> None:
    counts, leads = beats(2, 400), ("I", "II")
    record = {name: data for name, data in wfdb_files(counts, leads).items() if "/" not in name}
    files = {f"{folder}/{name}": data for folder in "ab" for name, data in record.items()}
    with opened(sent({"x.zip": zipped(files | names("a/r1.png"))}), Grouping.EACH) as entries:
        assert [str(entry.name) for entry in entries] == [
            "x.zip/a/r1.hea",
            "x.zip/a/r1.png",
            "x.zip/b/r1.hea",
        ]
        signal = signal_of(put(tmp_path / "x", entries[0].data()))
    np.testing.assert_allclose(signal.samples_mv, counts * 0.005, atol=1e-6)


def test_a_digest_is_of_what_the_files_hold_whatever_they_are_called() -> None:
    def digest(name: str, data: bytes) -> str:
        with opened([File(name, io.BytesIO(data))], Grouping.EACH) as [entry]:
            return entry.digest()

    assert digest("durand.png", b"one") == digest("other.png", b"one") != digest("durand.png", b"two")
    assert digest("record.zip", zipped({"r.hea": b"a", "r.dat": b"b"})) != digest(
        "record.zip", zipped({"r.hea": b"a", "r.dat": b"c"})
    )
    assert digest("broken.zip", b"PK\3\4") == digest("torn.zip", b"PK\3\4")


def test_files_of_a_folder_are_read_where_they_lie(tmp_path: Path) -> None:
    put(tmp_path / "a.png", b"1")
    put(tmp_path / "b.zip", zipped({"c.png": b"2"}))
    files = [File(path.name, path) for path in sorted(tmp_path.iterdir())]
    with opened(files, Grouping.EACH) as entries:
        assert [entry.data() for entry in entries] == [b"1", b"2"]


@pytest.mark.parametrize("name", ["../../etc/x.png", "..\\x.png", "/x.png", "", "C:\\x.png"])
def test_what_a_sender_calls_a_file_leads_nowhere(name: str) -> None:
    entry = only([File(name, io.BytesIO(b"1"))])
    assert (".." in entry.name.parts, entry.data()) == (False, b"1")


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a\\..\\x.png", "C:x.png"])
def test_a_zip_with_a_path_out_of_it_is_not_opened(name: str) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as made:
        made.writestr(zipfile.ZipInfo(name), b"1")
    assert failure(output.getvalue()) is DecodeFailure.UNSAFE


def test_a_zip_with_a_link_is_not_opened() -> None:
    output, link = io.BytesIO(), zipfile.ZipInfo("x.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(output, "w") as made:
        made.writestr(link, b"/etc/passwd")
    assert failure(output.getvalue()) is DecodeFailure.UNSAFE


def test_a_zip_that_announces_more_than_is_taken_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({f"{number}.png": bytes(1000) for number in range(5)})
    monkeypatch.setattr(batch, "MOST_UNPACKED_BYTES", 4999)
    assert failure(bomb) is DecodeFailure.UNSAFE


def test_zips_together_announce_no_more_than_is_taken_and_those_before_are_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = {f"{name}.zip": zipped({"x.png": bytes(1000)}) for name in "abc"}
    monkeypatch.setattr(batch, "MOST_UNPACKED_BYTES", 2999)
    with opened(sent(some), Grouping.EACH) as entries:
        assert [entry.fault for entry in entries] == [None, None, DecodeFailure.UNSAFE]
        assert [len(entry.data()) for entry in entries[:2]] == [1000, 1000]
    monkeypatch.setattr(batch, "MOST_UNPACKED_BYTES", 3000)
    with opened(sent(some), Grouping.EACH) as entries:
        assert [len(entry.data()) for entry in entries] == [1000] * 3


def test_a_zip_that_is_closed_as_it_is_read_is_not_called_damaged() -> None:
    [file] = sent({"x.zip": zipped(names("x.png"))})
    with opened([file], Grouping.EACH) as [entry]:
        assert not isinstance(file.source, Path)
        file.source.close()
        with pytest.raises(ValueError, match="closed file"):
            entry.data()


def test_a_member_that_holds_more_than_it_announces_is_damaged() -> None:
    data = bytearray(zipped({"x.png": bytes(100_000)}))
    for signature, at in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        place = data.index(signature) + at
        data[place : place + 4] = struct.pack("<I", 100)
    lying = [File("x.zip", io.BytesIO(data))]
    with opened(lying, Grouping.EACH) as [entry], pytest.raises(DecodeError, match="damaged"):
        entry.data()


def test_an_ecg_beyond_the_limit_of_a_file_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_FILE_BYTES", 99)
    for files in ({"x.zip": zipped({"x.png": bytes(100)})}, {"x.png": bytes(100)}):
        with opened(sent(files), Grouping.EACH) as [entry], pytest.raises(DecodeError, match="too_large"):
            entry.data()


def test_a_zip_with_a_long_list_of_members_is_not_even_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    long = zipped({f"{number}.png": b"" for number in range(30)})
    monkeypatch.setattr(archive, "_MOST_DIRECTORY_BYTES", 30 * 46)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert failure(long) is DecodeFailure.UNSAFE


def test_a_zip_that_tells_its_sizes_in_the_long_form_is_not_opened() -> None:
    data = zipped(names("x.png"))
    at = data.rindex(b"PK\5\6")
    long = data[:at] + b"PK\6\7" + bytes(16) + data[at:]
    assert failure(long) is DecodeFailure.UNSUPPORTED_VARIANT


@pytest.mark.parametrize(
    "data", [b"PK\3\4", b"PK\3\4" + bytes(100), zipped(names("x.png"))[:-30]], ids=["head", "zeros", "cut"]
)
def test_half_a_zip_is_damaged_and_keeps_no_other_file_out(data: bytes) -> None:
    with opened(sent({"a.zip": data, "b.png": b"1"}), Grouping.EACH) as [bad, good]:
        assert (bad.fault, good.data()) == (DecodeFailure.DAMAGED, b"1")
        with pytest.raises(DecodeError):
            bad.data()


def test_a_member_that_cannot_be_unpacked_is_damaged_and_keeps_no_other_out() -> None:
    data = bytearray(zipped({"a.png": b"x" * 500, "b.png": b"1"}))
    data[data.index(b"a.png") + 6] ^= 0xFF
    with opened([File("x.zip", io.BytesIO(data))], Grouping.EACH) as [bad, good]:
        with pytest.raises(DecodeError, match="damaged"):
            bad.data()
        assert good.data() == b"1"


def test_a_zip_of_nothing_says_so_and_very_many_ecgs_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(zipped({"__MACOSX/x": b""})) is DecodeFailure.EMPTY
    monkeypatch.setattr(batch, "MOST_ENTRIES", 2)
    assert len(listed(names("1", "2"))) == 2
    with pytest.raises(TooManyError):
        listed(names("1", "2", "3"))
