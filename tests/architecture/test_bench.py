"""What `make bench` compares with, and what it says of a peer that is not there."""

from pathlib import Path

import numpy as np
import pytest

from ml.ecg.annotated import AnnotatedRecord
from tests.bench import beats, feedback, monitoring, panel, premature, segmentation, triage
from tests.bench.measuring import data_of
from tests.bench.peers import servers
from tests.bench.peers.servers import PEERS
from tests.bench.report import GRAPHQL, SAVE_GRAPHQL, SAVE_PAGE, Report, Round


def test_a_peer_whose_packages_are_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HERE", tmp_path)
    monkeypatch.setattr(servers, "_node", lambda: Path("/usr/bin/node"))
    lacking = {peer.name: peer.lacking() for peer in PEERS}
    assert [name for name, why in lacking.items() if "npm" in why] == [
        "yoga-memory",
        "yoga-sqlite",
        "mercurius-memory",
        "mercurius-sqlite",
    ]
    assert lacking["bare"] == lacking["orm"] == ""


def test_npms_peers_want_a_node_that_reads_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_node", lambda: None)
    assert "no Node 22" in next(peer.lacking() for peer in PEERS if peer.name == "mercurius-sqlite")


def test_a_peer_that_was_not_measured_is_in_the_table_with_the_reason() -> None:
    report = Report("here", lacking={"  mercurius": "npm's packages are not installed"}, cold_starts_s=[1.0])
    for name in (GRAPHQL, SAVE_PAGE, SAVE_GRAPHQL):
        report.add(name, Round(1, 1.0, 1.0, 1.0, 1.0))
    assert [line.split() for line in report.lines() if "mercurius" in line] == [
        ["mercurius", "NOT", "MEASURED:", "npm's", "packages", "are", "not", "installed"]
    ]
    assert report.document()["lacking"] == report.lacking


def test_the_same_bytes_are_compared_but_for_the_cost() -> None:
    assert data_of(b'{"data":{"a":1.0},"extensions":{"cost":{"requested":1}}}') == b'{"data":{"a":1.0}}'
    assert data_of(b'{"data":{"a":1.0}}') == b'{"data":{"a":1.0}}'


def test_half_an_hour_that_takes_more_than_two_seconds_is_a_bound_missed() -> None:
    way = beats.Measured("ours", {1: 3000.0, 1000: 20_000.0}, 0.4, 140.0)
    quick, slow = (beats.Report((way,), seconds, "best") for seconds in (0.7, 2.1))

    assert (quick.missed(), slow.missed()) == (False, True)
    assert [line.split()[0] for line in quick.lines()] == ["beats", "ours", "kept"]
    assert "2.10 s of one core" in list(slow.lines())[-1]


def test_a_panel_of_beats_that_takes_more_than_300_milliseconds_is_a_bound_missed() -> None:
    quick, slow = (
        panel.Report({"the panel": (30.0, 50.0, 40.0), "a beat": (90.0, p99, 99.0)}) for p99 in (299, 301)
    )
    assert (quick.missed(), slow.missed()) == (False, True)
    assert [line.split()[0] for line in slow.lines()] == ["kept", "MISSED"]


def test_an_opinion_that_takes_more_than_fifty_milliseconds_is_a_bound_missed() -> None:
    quick, slow = (feedback.Report(p50_ms=5.0, p99_ms=p99, clock_p99_ms=90.0) for p99 in (49.0, 51.0))
    assert (quick.missed(), slow.missed()) == (False, True)
    assert [next(each.lines()).split()[0] for each in (quick, slow)] == ["kept", "MISSED"]


def test_a_slow_visit_or_a_slow_batch_of_visits_is_a_bound_missed() -> None:
    kept, slow_visit, slow_batch = (
        triage.Report(p50_ms=3.0, p99_ms=p99, clock_p50_ms=9.0, clock_p99_ms=90.0, batch_s=batch, load_s=1.0)
        for p99, batch in ((20.0, 4.0), (61.0, 4.0), (20.0, 11.0))
    )

    assert [each.missed() for each in (kept, slow_visit, slow_batch)] == [False, True, True]
    assert [line.split()[0] for line in slow_visit.lines()] == ["MISSED", "kept", "loaded,"]
    assert "p99 20.0 ms of one core (at most 60)" in next(kept.lines())


def test_a_label_map_that_takes_more_than_half_a_second_is_a_bound_missed() -> None:
    quick, slow = (segmentation.Report(each, each, 900.0) for each in (270.0, 510.0))

    assert (quick.missed(), slow.missed()) == (False, True)
    assert [line.split()[0] for line in slow.lines()] == ["MISSED", "with"]


def test_statistics_that_take_longer_than_they_may_on_either_database_are_a_bound_missed() -> None:
    rest = dict.fromkeys(monitoring.MOST_MS, 1.0)
    kept, slow = (
        monitoring.Report({"sqlite": 900.0, "postgresql": each}, rest, rest, rest) for each in (290.0, 310.0)
    )

    assert (kept.missed(), slow.missed()) == (False, True)
    assert [line.split()[0] for line in slow.lines()] == ["kept", "MISSED"]


def test_a_record_condensed_has_its_premature_beats_and_those_next_to_them_as_they_were() -> None:
    peaks = np.arange(1, 301) * 300
    leads = np.zeros((peaks[-1] + 300, 2))
    leads[peaks] = 1 + np.arange(300)[:, None] / 100  # each as high as no other
    symbols = ["A" if beat in {40, 41, 42, 90, 200} else "N" for beat in range(300)]
    record = AnnotatedRecord(
        "made", ("MLII", "V1"), leads, 360, np.append(peaks, len(leads) - 1), (*symbols, "+")
    )
    left = premature.condensed(record, np.random.default_rng(1))

    assert left.symbols.count("A") == 5
    assert 5 + 2 * 3 <= len(left.symbols) == len(left.positions) <= 5 + 5 * 3
    assert np.diff(left.positions) == pytest.approx(300, abs=1)  # where beats are left out, too
    heights = left.samples_mv[left.positions, 0]
    kept = np.round(100 * (heights - 1)).astype(int)
    assert [symbols[beat] for beat in kept] == list(left.symbols)
    assert min(abs(kept - 41)) == min(abs(kept - 90)) == min(abs(kept - 200)) == 0
