"""The command: a million patients from the shell, and what a shell can do to it in the middle."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.assessment.model import REGION, load_model
from spinecast.resources import priors_folder

ROWS = 20_000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Twenty thousand people, one in a thousand with an age that cannot be."""
    model = load_model()
    cohort = simulate(model.network, ROWS, "primary_care", 3, observed=recorded_shares(model.network, model.priors, 12))
    columns = {k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")}
    columns["age"] = ["140" if n % 1_000 == 500 else age for n, age in enumerate(columns["age"])]
    path = tmp_path_factory.mktemp("score") / "in.parquet"
    pq.write_table(pa.table({"id": list(range(ROWS)), **columns}), path)
    return path


def shell(*arguments):
    return [sys.executable, "-m", "spinecast", "score", *map(str, arguments)]


def wait_for_parts(out, count, process):
    """Until so many parts are there, or the process has ended."""
    folder = out.with_name(f"{out.name}.parts")
    while process.poll() is None and len(list(folder.glob("*.arrow")) if folder.exists() else []) < count:
        time.sleep(0.01)
    return process.poll() is None


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed(source, tmp_path):
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    done = subprocess.run(shell(source, whole, "--chunk", 1_000), capture_output=True, text=True, check=True)
    assert f"scored {ROWS - 20:,} rows" in done.stderr
    assert "rejected 20 rows, with reasons in" in done.stderr
    assert done.stdout == ""
    rejected = (tmp_path / "whole.rejects.csv").read_text().splitlines()
    assert rejected[1].startswith("501,")
    assert len(rejected) == 21
    process = subprocess.Popen(shell(source, out, "--chunk", 1_000), stderr=subprocess.DEVNULL)
    assert wait_for_parts(out, 4, process), "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    second = subprocess.Popen(shell(source, out, "--chunk", 1_000, "--resume"), stderr=subprocess.PIPE, text=True)
    assert wait_for_parts(out, 6, second)
    rival = subprocess.run(shell(source, out, "--chunk", 1_000, "--resume"), capture_output=True, text=True, check=False)
    assert rival.returncode == 1
    assert "another process is writing it" in rival.stderr
    _, words = second.communicate()
    assert second.returncode == 0, words
    assert "rows had been done" in words
    assert out.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.rejects.csv").read_bytes() == (tmp_path / "whole.rejects.csv").read_bytes()


def test_a_full_disk_is_said_and_leaves_nothing_half_written(source, tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    out = tmp_path / "out.csv"
    done = subprocess.run(shell(source, out, "--chunk", 500), capture_output=True, text=True, preexec_fn=small_files, check=False)
    assert done.returncode == 1
    assert "no room left to write" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    assert [p.name for p in (tmp_path / "out.csv.parts").iterdir() if p.suffix == ".tmp"] == []


def test_wrong_input_is_code_2_without_a_traceback(command, tmp_path):
    (tmp_path / "in.csv").write_text("id,agee\n1,4\n")
    command("score", tmp_path / "in.csv", tmp_path / "out.csv").refused("did you mean 'age'")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_a_corrupt_fit_is_said_to_be_so(command, tmp_path):
    folder = tmp_path / "priors"
    subprocess.run(["cp", "-r", str(priors_folder()), str(folder)], check=True)
    fit = folder / "fitted" / f"{REGION}.npz"
    data = bytearray(fit.read_bytes())
    data[len(data) // 2] ^= 0xFF
    fit.write_bytes(data)
    (tmp_path / "in.csv").write_text("id,age\n1,40\n")
    done = command("score", tmp_path / "in.csv", tmp_path / "out.csv", "--priors", folder)
    assert done.code == 1
    assert "corrupt" in done.err
    assert "run `spinecast fit`" in done.err


def test_the_schema_says_what_comes_out(command):
    fields = {f["name"]: f for f in json.loads(command("score", "--schema").out)}
    assert fields["p_facet_joint"]["unit"] == "probability"
    assert fields["log_evidence"]["meaning"]
    assert all(f["meaning"] for f in fields.values())


def test_in_and_out_are_needed(command):
    command("score").refused("IN is missing", "--schema")


def test_one_small_file(command, tmp_path):
    (tmp_path / "in.csv").write_text("id,age,leg_pain_below_knee\na,40,present\nb,,\n")
    done = command("score", tmp_path / "in.csv", tmp_path / "out.csv", "--rejects", tmp_path / "no.csv")
    assert (done.code, done.out) == (0, "")
    assert "scored 2 rows" in done.err
    assert (tmp_path / "no.csv").read_text().replace('"', "").strip() == "row,reason"
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
