"""Files: every format there and back, every bad line with its reason, and nothing lost or repeated whatever happens."""

from __future__ import annotations

import csv
import json
import threading

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.errors import InvalidValueError, MalformedFileError, OutputError, UnknownIdError
from spinecast.scoring import score_file as module
from spinecast.scoring.lock import locked
from spinecast.scoring.parts import Parts
from spinecast.scoring.score_file import score_file
from spinecast.scoring.sources import FORMATS

ROWS = 300
SUFFIX = {name: suffixes[0] for name, suffixes in FORMATS.items()}


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster.load()


@pytest.fixture(scope="module")
def table(forecaster):
    shares = recorded_shares(forecaster.network, forecaster.priors, 20)
    cohort = simulate(forecaster.network, ROWS, "spine_clinic", 5, observed=shares)
    columns = {k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")}
    return pa.table({"id": [f"p{i}" for i in range(ROWS)], **columns})


@pytest.fixture(scope="module")
def expected(forecaster, table):
    return forecaster.score(table).drop_columns(["reason"])


def save(table, path):
    match path.suffix:
        case ".csv":
            pa_csv.write_csv(table, path)
        case ".parquet":
            pq.write_table(table, path)
        case ".arrow":
            with ipc.new_file(path, table.schema) as writer:
                writer.write_table(table, max_chunksize=70)
        case ".jsonl":
            lines = [json.dumps({k: v for k, v in row.items() if v}) + "\n" for row in table.to_pylist()]
            path.write_text("".join(lines))
    return path


def read(path):
    match path.suffix:
        case ".csv":
            return pa_csv.read_csv(path)
        case ".parquet":
            return pq.read_table(path)
        case ".arrow":
            return ipc.open_file(path).read_all()
        case _:
            return pa.Table.from_pylist([json.loads(line) for line in path.read_text().splitlines()])


def rejects(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def difference(found, expected):
    assert found.schema.names == ["row", *expected.schema.names]
    assert found.column("id").to_pylist() == expected.column("id").to_pylist()
    numbers = [n for n in expected.schema.names if n != "id"]
    return max(np.abs(found.column(n).to_numpy() - expected.column(n).to_numpy()).max() for n in numbers)


@pytest.mark.parametrize("into", SUFFIX.values())
@pytest.mark.parametrize("source", SUFFIX.values())
def test_every_format_there_and_back(source, into, forecaster, table, expected, tmp_path):
    out = tmp_path / f"out{into}"
    done = score_file(forecaster, save(table, tmp_path / f"in{source}"), out, chunk=128)
    assert (done.scored, done.rejected, done.rejects) == (ROWS, 0, None)
    assert difference(read(out), expected) <= 1e-12
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f"in{source}", out.name])


@pytest.mark.parametrize("into", SUFFIX.values())
def test_the_same_call_gives_the_same_bytes(into, forecaster, table, tmp_path):
    source = save(table, tmp_path / "in.parquet")
    for name in ("a", "b"):
        score_file(forecaster, source, tmp_path / f"{name}{into}", chunk=64, threads=2)
    assert (tmp_path / f"a{into}").read_bytes() == (tmp_path / f"b{into}").read_bytes()


def test_what_comes_out_carries_its_units(forecaster, table, tmp_path):
    score_file(forecaster, save(table, tmp_path / "in.csv"), tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("p_crps").metadata[b"unit"] == b"probability"
    assert schema.field("row").metadata[b"meaning"]


def test_a_bad_row_is_rejected_with_its_number_and_every_other_is_scored(forecaster, table, expected, tmp_path):
    ages = table.column("age").to_pylist()
    for n in (0, 99, 299):
        ages[n] = "140"
    wrong = table.set_column(table.schema.get_field_index("age"), "age", pa.array(ages))
    done = score_file(forecaster, save(wrong, tmp_path / "in.csv"), tmp_path / "out.csv", chunk=50)
    assert (done.scored, done.rejected) == (ROWS - 3, 3)
    rejected = rejects(tmp_path / "out.rejects.csv")
    assert [int(r["row"]) for r in rejected] == [1, 100, 300]
    assert "context.age = 140.0 is not allowed" in rejected[0]["reason"]
    good = [n for n in range(ROWS) if n not in (0, 99, 299)]
    found = read(tmp_path / "out.csv")
    assert found.column("row").to_pylist() == [n + 1 for n in good]
    assert difference(found, expected.take(good)) <= 1e-12


def test_csv_lines_of_another_length_are_rejected_and_the_numbers_go_on(forecaster, tmp_path):
    lines = ["id,age,pain_severity", "a,45,3", "b,45", "c,45,3", "d,45,3,9", "e,45,3", "f"]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    for chunk in (1, 2, 100):
        score_file(forecaster, tmp_path / "in.csv", tmp_path / "out.csv", chunk=chunk)
        found = read(tmp_path / "out.csv")
        assert list(zip(found.column("row").to_pylist(), found.column("id").to_pylist(), strict=True)) == [
            (1, "a"),
            (3, "c"),
            (5, "e"),
        ]
        rejected = rejects(tmp_path / "out.rejects.csv")
        assert [(int(r["row"]), r["reason"]) for r in rejected] == [
            (n, f"the line has {cells} cells where the header has 3") for n, cells in ((2, 2), (4, 4), (6, 1))
        ]


def test_json_lines_can_be_patient_files_or_rows(forecaster, tmp_path):
    patient = {"id": 7, "findings": {"leg_pain_below_knee": {"value": "present", "side": "left"}}, "context": {"age": 45}}
    row = {"id": 8, "leg_pain_below_knee": "present", "leg_pain_below_knee_side": "left", "age": 45}
    lines = [json.dumps(patient), "{", json.dumps(row), "[1]", json.dumps({"id": 9})]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    done = score_file(forecaster, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    found = read(tmp_path / "out.jsonl").to_pylist()
    assert [r["id"] for r in found] == [7, 8, 9]
    assert found[0]["p_radiculopathy"] == pytest.approx(found[1]["p_radiculopathy"], abs=1e-14)
    assert found[0]["p_radiculopathy"] != pytest.approx(found[2]["p_radiculopathy"], abs=1e-3)
    assert done.rejected == 2
    assert "not JSON" in (tmp_path / "out.rejects.csv").read_text()


def test_a_file_without_rows_gives_one_without_rows(forecaster, tmp_path):
    (tmp_path / "in.csv").write_text("id,age\n")
    assert score_file(forecaster, tmp_path / "in.csv", tmp_path / "out.parquet").scored == 0
    assert read(tmp_path / "out.parquet").num_rows == 0
    assert "p_crps" in read(tmp_path / "out.parquet").schema.names


class Killed(BaseException):
    """Nobody catches this."""


def killed_after(monkeypatch, parts):
    """Let so many parts be written, and end there."""
    add = Parts.add

    def dying(self, number, scored, rejected):
        if number == parts:
            raise Killed
        add(self, number, scored, rejected)

    monkeypatch.setattr(Parts, "add", dying)


@pytest.mark.parametrize(
    ("source", "threads", "there"), [(".csv", 1, 120), (".parquet", 2, 120), (".arrow", 1, 110), (".jsonl", 1, 120)]
)
def test_a_killed_run_is_resumed_without_losing_or_repeating_a_row(
    source, threads, there, forecaster, table, tmp_path, monkeypatch
):
    path = save(table, tmp_path / f"in{source}")
    score_file(forecaster, path, tmp_path / "whole.csv", chunk=40)
    with monkeypatch.context() as patch:
        killed_after(patch, 3)
        with pytest.raises(Killed):
            score_file(forecaster, path, tmp_path / "out.csv", chunk=40, threads=threads)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(InvalidValueError, match=r"--resume to go on with its 3 parts"):
        score_file(forecaster, path, tmp_path / "out.csv", chunk=40)
    done = score_file(forecaster, path, tmp_path / "out.csv", chunk=40, resume=True)
    assert (done.scored, done.resumed) == (ROWS, there)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / "out.csv.parts").exists()


def test_a_killed_ranking_is_resumed_with_the_same_bytes(forecaster, table, tmp_path, monkeypatch):
    """What is remembered from one lot of people to the next changes nothing: a new forecaster goes on where another stopped."""
    path = save(table.slice(0, 60), tmp_path / "in.csv")
    asked = {"chunk": 20, "outputs": ("differential", "ranking")}
    score_file(forecaster, path, tmp_path / "whole.csv", **asked)
    with monkeypatch.context() as patch:
        killed_after(patch, 2)
        with pytest.raises(Killed):
            score_file(forecaster, path, tmp_path / "out.csv", **asked)
    done = score_file(Forecaster.load(), path, tmp_path / "out.csv", **asked, resume=True)
    assert done.resumed == 40
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert b"best_action" in (tmp_path / "out.csv").read_bytes()


def test_other_work_is_not_resumed(forecaster, table, tmp_path, monkeypatch):
    path = save(table, tmp_path / "in.csv")
    with monkeypatch.context() as patch:
        killed_after(patch, 1)
        with pytest.raises(Killed):
            score_file(forecaster, path, tmp_path / "out.csv", chunk=100)
    with pytest.raises(InvalidValueError, match="chunk differ"):
        score_file(forecaster, path, tmp_path / "out.csv", chunk=50, resume=True)
    save(table.slice(1), path)
    with pytest.raises(InvalidValueError, match="input differ"):
        score_file(forecaster, path, tmp_path / "out.csv", chunk=100, resume=True)


def test_nothing_to_resume_is_a_start(forecaster, table, tmp_path):
    assert score_file(forecaster, save(table, tmp_path / "in.csv"), tmp_path / "out.csv", resume=True).scored == ROWS


def test_a_second_writer_is_told_and_the_first_goes_on(forecaster, table, tmp_path):
    path, out = save(table, tmp_path / "in.csv"), tmp_path / "out.csv"
    with locked(out), pytest.raises(OutputError, match="another process is writing it"):
        score_file(forecaster, path, out)
    assert score_file(forecaster, path, out).scored == ROWS


def test_of_many_writers_at_once_one_writes(tmp_path):
    inside, most, told = 0, 0, 0
    guard = threading.Lock()

    def work():
        nonlocal inside, most, told
        for _ in range(30):
            try:
                with locked(tmp_path / "out"):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
            except OutputError:
                with guard:
                    told += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert told > 0 or most == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_truncated_file_is_said_to_be_so(suffix, cut, forecaster, table, tmp_path):
    path = save(table, tmp_path / f"in{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(MalformedFileError, match="truncated or corrupt"):
        score_file(forecaster, path, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_corrupt_parquet_page_is_said_to_be_so(forecaster, table, tmp_path):
    path = save(table, tmp_path / "in.parquet")
    data = bytearray(path.read_bytes())
    for i in range(2_000, 60_000, 7):
        data[i] ^= 0x5A
    path.write_bytes(data)
    with pytest.raises(MalformedFileError, match="truncated or corrupt"):
        score_file(forecaster, path, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("in.csv", "", MalformedFileError, "the file is empty"),
        ("in.csv", "id,agee\n1,3\n", UnknownIdError, "did you mean 'age'"),
        ("in.txt", "id\n", UnknownIdError, "suffix: unknown '.txt'"),
        ("in.parquet", "no parquet at all", MalformedFileError, "not parquet"),
    ],
)
def test_what_is_no_table_is_refused(name, text, error, words, forecaster, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=words):
        score_file(forecaster, tmp_path / name, tmp_path / "out.csv")


def test_a_missing_file_or_folder_is_refused(forecaster, table, tmp_path):
    with pytest.raises(MalformedFileError, match="there is no such file"):
        score_file(forecaster, tmp_path / "none.csv", tmp_path / "out.csv")
    with pytest.raises(InvalidValueError, match="a file in a folder that exists"):
        score_file(forecaster, save(table, tmp_path / "in.csv"), tmp_path / "none" / "out.csv")


def test_a_full_disk_keeps_what_is_done(forecaster, table, tmp_path, monkeypatch):
    path = save(table, tmp_path / "in.csv")
    score_file(forecaster, path, tmp_path / "whole.csv", chunk=40)
    add = Parts.add

    def full(self, number, scored, rejected):
        if number == 2:
            raise OSError(28, "No space left on device")
        add(self, number, scored, rejected)

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "add", full)
        with pytest.raises(OutputError, match="no room left to write; what is done is kept"):
            score_file(forecaster, path, tmp_path / "out.csv", chunk=40)
    assert score_file(forecaster, path, tmp_path / "out.csv", chunk=40, resume=True).resumed == 80
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_progress_counts_every_row(forecaster, table, tmp_path):
    seen = []
    score_file(
        forecaster, save(table, tmp_path / "in.csv"), tmp_path / "out.csv", chunk=128, progress=lambda *now: seen.append(now)
    )
    assert seen == [(128, ROWS), (256, ROWS), (300, ROWS)]


def test_memory_is_bounded_by_blocks_under_way(forecaster, table, tmp_path, monkeypatch):
    """No more blocks are read than the threads can have in hand."""
    read_, written = [], []
    blocks, add = module.sources.blocks, Parts.add
    monkeypatch.setattr(module.sources, "blocks", lambda *a: (read_.append(b) or b for b in blocks(*a)))
    monkeypatch.setattr(Parts, "add", lambda self, n, *a: (written.append(len(read_) - n), add(self, n, *a)))
    score_file(forecaster, save(table, tmp_path / "in.csv"), tmp_path / "out.csv", chunk=10, threads=2)
    assert max(written) <= module.AHEAD * 2 + 1
