"""`spinecast export` on the real network."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import onnxruntime

from spinecast.assessment.model import REGION
from spinecast.network.fitted import path_of


def test_xdsl_keeps_noisy_max_and_says_what_to_observe(command, tmp_path):
    path = tmp_path / "network.xdsl"
    done = command("export", path, "--setting", "spine_clinic", "--noisy-max")
    assert done.code == 0, done.err
    assert f"wrote {path}" in done.err
    assert "Observe presents = yes in every query" in done.err
    assert done.out == ""
    nodes = ET.parse(path).getroot().find("nodes")
    kinds = {node.attrib["id"]: node.tag for node in nodes}
    assert kinds["straight_leg_raise"] == "noisymax"
    assert "setting" not in kinds
    assert nodes.find("cpt[@id='presents']/property[@id='observed']").text == "yes"


def test_onnx_is_the_scorer(command, tmp_path):
    path = tmp_path / "scorer.onnx"
    done = command("export", path, "--dtype", "float64")
    assert done.code == 0, done.err
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta().custom_metadata_map
    assert len(json.loads(meta["columns"])) == session.get_inputs()[0].shape[1]
    assert session.get_inputs()[0].type == "tensor(double)"
    assert [o.name for o in session.get_outputs()] == ["levels", "generators", "nonspecific", "log_evidence"]


def test_another_fit_can_be_exported(command, priors, tmp_path):
    """As --fit of every command: the file says which, and a fit that is not there is an error."""
    command("export", tmp_path / "a.onnx", "--fit", tmp_path / "no.json").refused("no.json")
    done = command("export", tmp_path / "a.onnx", "--fit", path_of(priors, REGION))
    assert done.code == 0, done.err


def test_options_that_do_not_go_with_a_format_are_refused(command, tmp_path):
    command("export", tmp_path / "a.onnx", "--setting", "spine_clinic").refused("--setting", "one of its inputs")
    command("export", tmp_path / "a.onnx", "--noisy-max").refused("--noisy-max")
    command("export", tmp_path / "a.onnx", "--dtype", "float16").refused("float16", "float64")
    command("export", tmp_path / "a.bif", "--dtype", "float64").refused("--dtype", "numbers of a network file are exact")


def test_wrong_input_is_refused_before_anything_is_written(command, tmp_path):
    command("export", tmp_path / "network.pdf").refused("format", ".pdf", ".xdsl")
    command("export", tmp_path / "network.bif", "--noisy-max").refused("--noisy-max", ".xdsl")
    command("export", tmp_path / "network.bif", "--setting", "spine").refused("setting", "spine_clinic")
    command("export", tmp_path / "no" / "network.bif").refused("a folder that exists")
    command("export", tmp_path / "network.bif", "--priors", tmp_path / "no").refused("there is no such folder")
    assert list(tmp_path.iterdir()) == []
