"""`spinecast profile`: prints, draws, and refuses what is wrong."""

from __future__ import annotations

import json
import shutil

from spinecast.resources import examples_folder


def test_table_json_and_figure_of_own_profiles(command, tmp_path):
    own = tmp_path / "profiles"
    own.mkdir()
    shutil.copy(examples_folder() / "profiles" / "s12a_diffuse.toml", own)
    done = command("profile", "--profiles", own, "--draws", 2, "--figure", tmp_path / "who.png")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 100
    assert "Diffuse pain, no structural source" in done.out
    assert (tmp_path / "who.png").stat().st_size > 10_000
    answer = json.loads(command("profile", "--profiles", own, "--draws", 2, "--json").out)
    assert answer["profiles"][0]["code"] == "S12a"


def test_what_is_wrong_is_refused(command, tmp_path):
    command("profile", "--profiles", tmp_path).refused("no profiles")
    command("profile", "--figure", tmp_path / "x.gif").refused("--figure")
