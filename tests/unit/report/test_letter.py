"""The letter: what it must always say, and how it must look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from helpers.answers import ASK, action, answer, urgent
from spinecast.assessment.assessment import Surprise
from spinecast.decision.gates import ON_RECORD, Gate
from spinecast.decision.plan import Branch, Plan
from spinecast.report import outline
from spinecast.report.letter import SECTIONS, letter

QUESTIONS = (outline.NOT_MISSED, outline.LIKELY, outline.OPTIONS, outline.PLAN, outline.CHANGE, outline.RESTS)


def section(text: str, title: str) -> str:
    """Text below one heading."""
    after = text.split(f"{title} ─", 1)[1]
    return after.split("\n", 1)[1].split(" ─────", 1)[0]


@pytest.mark.parametrize("made", [answer(), urgent()], ids=["ordinary", "urgent"])
def test_no_line_is_wider_than_a_hundred_columns(made):
    wide = replace(made, label="很" * 90, goals=("a" * 300,))
    assert max(cell_len(line) for line in letter(wide).splitlines()) <= 100


def test_every_question_is_a_heading_in_order():
    text = letter(answer())
    places = [text.index(f"{q} ─") for q in QUESTIONS]
    assert places == sorted(places)
    assert tuple(SECTIONS) == QUESTIONS


def test_settings_are_always_printed():
    rests = " ".join(section(letter(answer()), outline.RESTS).split())
    for said in (
        "Rule set guideline", "setting spine clinic", "horizon 52 weeks", "3 decisions ahead", "USD 100,000", "of 2025", "discount 3 %",
        "200 draws", "seed 7", "spinecast 0.1.0", f"priors {'ab' * 6}", f"fit {'cd' * 6}", "Unit: net benefit", "Control: sham",
        "62 % of what moves", "(1 sources)", "2 numbers are newer than the fit", "facet joint, age 75+",
    ):  # fmt: skip
        assert said in rests, said


def test_the_disclaimer_stands_once_and_last():
    text = letter(answer())
    assert text.count("not a medical device") == 1
    assert text.rstrip().endswith("not a medical device.")


def test_every_action_is_listed():
    text = letter(answer())
    assert [r.label for r in answer().ranking if r.label not in text] == []


def test_relief_is_active_against_control():
    assert "54 vs 41 %" in section(letter(answer()), outline.OPTIONS)


def test_what_only_finds_out_claims_no_relief():
    (line,) = [line for line in letter(answer()).splitlines() if "Medial branch block" in line]
    assert "finds out" in line


def test_a_blocked_action_keeps_its_value_and_says_what_lifts_the_rule():
    options = " ".join(section(letter(answer()), outline.OPTIONS).split())
    assert "Not permitted now" in options
    assert "-900 (-1,400 to 0)" in options
    assert (
        "Two blocks before radiofrequency (guideline): not permitted. Two blocks come first. Lifted by: Two such blocks."
        in options
    )


def test_what_is_not_recorded_is_asked_before_anything_else():
    missed = section(letter(answer()), outline.NOT_MISSED)
    assert "Not recorded, so not cleared" in missed
    assert "Active infection" in missed


def test_an_alarm_stands_above_everything_and_in_red():
    plain, coloured = letter(urgent()), letter(urgent(), colour=True)
    assert plain.index("Bladder, bowel or saddle signs") < plain.index("Most likely")
    assert "\x1b[1;31mBladder, bowel or saddle signs" in coloured
    assert "Now: Urgent evaluation" in section(plain, outline.PLAN)


def test_no_colour_codes_unless_asked():
    assert "\x1b" not in letter(urgent())


def test_a_label_can_neither_colour_nor_mark_up():
    text = letter(answer(label="\x1b[31m[bold]x[/bold]\n\n:smile:"))
    assert "\x1b" not in text
    assert "[bold]x[/bold]  :smile:" in text.splitlines()[0]


def test_the_plan_says_what_if_it_does_not_fit():
    plan = section(letter(answer()), outline.PLAN)
    for said in (
        "Week 2: Transforaminal epidural, S1 left", "with physiotherapy; no heavy lifting", "repeats: a second in 4-8 weeks",
        "if relief (55 %)", "if it does not fit: no relief (45 %)", "Week 6: Rehabilitation", "Image guidance: With contrast.",
        "Sleep through the night",
    ):  # fmt: skip
        assert said in plan, said


def test_rare_branches_are_summed_up():
    rare = Plan("rehabilitation", 9.0, 0.0)
    plan = Plan(
        "transforaminal_epidural", 2.0, 1.0, (Branch("relief", 0.985, True, None), Branch("no relief", 0.015, False, rare))
    )
    text = section(letter(answer(plan=plan)), outline.PLAN)
    assert "Week 9" not in text
    assert "rarer outcomes (2 %)" in text


def test_branches_that_lead_to_the_same_are_one_and_a_plan_is_not_told_twice():
    then = Plan("rehabilitation", 6.0, 1.0, (Branch("relief", 0.3, True, None), Branch("no relief", 0.7, False, None)))
    block = Plan(
        "medial_branch_block", 1.0, 1.0,
        (
            Branch("relief below 50 %", 0.5, False, then), Branch("relief 50 to 80 %", 0.2, False, then),
            Branch("relief 80 % or more", 0.3, False, Plan("option_1", 4.0, 1.0, (Branch("no relief", 1.0, False, then),))),
        ),
    )  # fmt: skip
    text = section(letter(answer(plan=block)), outline.PLAN)
    assert "if it does not fit: relief below 50 % or relief 50 to 80 % (70 %)" in text
    assert text.count("and on as above") == 1


def injection(*labels):
    """An injection whose branches relieve where they end in relief; what does not is followed by rehabilitation."""
    then = Plan("rehabilitation", 6.0, 1.0, (Branch("relief", 0.3, True, None), Branch("no relief", 0.7, False, None)))
    share = 1 / len(labels)
    kinds = [(label, not label.endswith("no relief")) for label in labels]
    return Plan("sacroiliac_injection", 1.0, 1.0, tuple(Branch(n, share, good, None if good else then) for n, good in kinds))


def test_a_look_that_decides_nothing_is_not_named():
    grades = ("relief below 50 %", "relief 50 to 80 %", "relief 80 % or more")
    plan = injection(*(f"{grade}, {later}" for grade in grades for later in ("relief", "no relief")))
    text = section(letter(answer(plan=plan)), outline.PLAN)
    assert "if relief (50 %)" in text
    assert "if it does not fit: no relief (50 %)" in text


def test_relapses_that_lead_to_the_same_are_named_by_their_weeks():
    again = [Branch(f"pain again after about {weeks} weeks of relief", 0.2, False, None) for weeks in (39, 8, 20)]
    plan = Plan("rehabilitation", 1.0, 1.0, (*again, Branch("no relief", 0.4, False, None)))
    text = " ".join(section(letter(answer(plan=plan)), outline.PLAN).split())
    assert "if pain again after about 8, 20 or 39 weeks of relief (60 %)" in text


def test_a_look_that_decides_is_named_in_turn():
    plan = injection("relief below 50 %, no relief", "relief 80 % or more, relief", "relief below 50 %, relief")
    text = " ".join(section(letter(answer(plan=plan)), outline.PLAN).split())
    assert "if it does not fit: relief below 50 % from the anaesthetic, then no relief (33 %)" in text


def test_evidence_for_and_against_the_leader_and_its_rival():
    likely = section(letter(answer()), outline.LIKELY)
    assert "+4.2 Straight leg raise" in likely
    assert "-1.3 Age" in likely
    assert "-2.0 Straight leg raise" in likely


def test_where_the_leader_is():
    assert "S1 56 %, L5 44 %, left 98 %" in section(letter(answer()), outline.LIKELY)


def test_next_questions_put_what_costs_nothing_first():
    change = section(letter(answer()), outline.CHANGE)
    assert change.index("Slump test") < change.index("Disc herniation on MRI")
    assert "Ask or test next" in change


def test_a_person_whom_the_model_does_not_understand_is_said_to_be_one():
    odd = Surprise(-30.0, 4.0, not_understood=True, message="These findings contradict each other.")
    assert "\x1b[1;31mThese findings contradict each other." in letter(answer(surprise=odd), colour=True)


def test_nothing_recorded_and_no_gates():
    bare = answer(observed=(), goals=(), why=(), next_findings=(), ranking=(action("waiting"),), plan=Plan("waiting", 0.0, 0.0))
    text = letter(bare)
    assert "Recorded: nothing." in text
    assert "No red-flag rule speaks" in text


def test_nonspecific_pain_is_the_answer_where_it_is_the_likeliest():
    assert "Most likely: none of the sources" in letter(answer(nonspecific=0.95))
    assert "Most likely: Root pain (S1 56 %" in letter(answer())


def test_an_interval_that_holds_zero_is_said_to_be_no_clear_gain():
    sure, unsure = action("rehabilitation", 900.0, low=10.0), action("rehabilitation", 900.0, low=-10.0)
    assert "not clearly better than waiting" in " ".join(letter(answer(ranking=(unsure,))).split())
    assert "not clearly better" not in letter(answer(ranking=(sure,)))


def test_a_stale_fit_is_said_to_be_one():
    fresh = replace(answer().provenance, stale=False)
    assert "have changed since they were fitted" in letter(answer())
    assert "have changed since" not in letter(answer(provenance=fresh))


def test_what_a_rule_puts_first_is_not_weighed_against_waiting():
    short = " ".join(letter(urgent()).split())
    assert "First: Urgent evaluation, before anything else" in short
    assert "not clearly better than waiting" not in short


def test_what_a_rule_puts_first_is_not_said_to_be_worth_most():
    change = " ".join(section(letter(urgent()), outline.CHANGE).split())
    assert "Urgent evaluation comes first by a rule, not by its value" in change
    assert "Urgent evaluation comes first on the best estimate" not in change


def test_waiting_first_is_said_without_a_worth_of_nothing():
    waiting = next(r for r in answer().ranking if r.id == "waiting")
    text = " ".join(letter(answer(ranking=(waiting, action("rehabilitation", -50.0)))).split())
    assert "First: Watchful waiting; half relief at 1 month 30 % with time alone" in text
    assert "worth USD 0" not in text


def test_pain_from_outside_the_spine_is_said_to_be_aimed_at_by_nothing_here():
    hip = replace(answer().differential[0], id="other_cause", label="A cause outside the spine", levels={"hip": 0.9})
    assert outline.ELSEWHERE.split(",")[0] in letter(answer(differential=(hip,)))
    unsure = replace(hip, probability=0.4, levels={"hip": 0.4})
    assert outline.ELSEWHERE.split(",")[0] not in letter(answer(differential=(unsure,), nonspecific=0.1))


def test_what_works_by_context_alone_is_marked_and_explained():
    sham = action("trigger_point_injection", 40.0, over_sham_4w=0.0, over_usual_care_4w=0.1, relief_weeks_over_sham=0.01)
    text = letter(answer(ranking=(sham, action("rehabilitation", 20.0, ASK))))
    assert "Trigger point injection [=]" in section(text, outline.OPTIONS)
    assert "Hardly anything of it is its own" in text
    assert "[=" not in letter(answer())


def test_a_test_that_has_been_made_is_not_offered_again():
    gate = Gate(ON_RECORD, "MRI is on record", ON_RECORD, "block", "Record what else it shows.", "", (), ())
    options = " ".join(
        section(letter(answer(ranking=(action("rehabilitation"), action("mri", 500.0, gate)))), outline.OPTIONS).split()
    )
    assert "[1] MRI is on record: record what else it shows." in options
    assert "(safety)" not in options
