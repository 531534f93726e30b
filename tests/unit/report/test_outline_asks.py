"""What the letter asks for: the answers that are missing, each once, red flags first."""

from __future__ import annotations

from dataclasses import replace

from helpers.answers import ASK, BLOCK, action, answer
from spinecast.report import outline


def test_answers_are_named_once_and_red_flags_first():
    flag = replace(ASK, rule="saddle", missing=("not recorded: Numbness of the saddle",))
    weeks = replace(ASK, rule="care", missing=("not recorded: Weeks of conservative care (13 asked for)",))
    fewer = replace(ASK, rule="care_4", missing=("not recorded: Weeks of conservative care (4 asked for)",))
    soft = replace(ASK, rule="fever", missing=("uncertain: Fever",))
    found = answer(flags=(flag,), ranking=(action("option", 1.0, weeks, fewer, soft, ASK),))
    assert outline.asks(found) == {
        "Warning signs": ("Numbness of the saddle",),
        "Before any of the first options": ("Weeks of conservative care", "uncertain: Fever", "Active infection"),
    }


def test_what_only_a_blocked_option_wants_is_asked_last():
    weeks = replace(ASK, missing=("not recorded: Weeks of conservative care",))
    device = replace(ASK, rule="device", missing=("not recorded: Implanted device", "not recorded: Weeks of conservative care"))
    found = answer(flags=(), ranking=(action("option", 1.0, weeks), action("ablation", 0.0, device, BLOCK)))
    assert outline.asks(found) == {
        "Before any of the first options": ("Weeks of conservative care",),
        "For options further down only": ("Implanted device",),
    }
