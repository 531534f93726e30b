"""Answers put together by hand: every part that a report has to show, and no model behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spinecast.assessment.assessment import (
    Assessment,
    Explanation,
    GeneratorProbability,
    NextFinding,
    Provenance,
    Settings,
    Surprise,
    Weight,
)  # fmt: skip
from spinecast.decision.gates import Gate
from spinecast.decision.plan import Branch, Plan
from spinecast.decision.ranking import RankedAction

ASK = Gate(
    "active_infection", "Active infection", "contraindication", "ask", "No injection with one.", "It is treated.", ("row_a",), ()
)
BLOCK = Gate(
    "two_blocks", "Two blocks before radiofrequency", "requirement", "block", "Two blocks come first.", "Two such blocks.", ("row_b",),
    ("guideline",), "facet_radiofrequency",
)  # fmt: skip
MIND = Gate("image_guidance", "Image guidance", "recommendation", "flag", "With contrast.", "Not needed.", ("row_c",), ())
ALARM = Gate(
    "cauda_equina", "Bladder, bowel or saddle signs", "syndrome", "first", "Emergency MRI today.", "A clear MRI.", ("row_d",), ()
)

REHABILITATION = Plan("rehabilitation", 6.0, 300.0, (Branch("relief", 0.3, True, None), Branch("no relief", 0.7, False, None)))


def action(key: str, value: float = 0.0, *gates: Gate, **more: Any) -> RankedAction:
    """A row of a ranking."""
    fields: dict[str, Any] = {
        "id": key, "label": key.replace("_", " ").capitalize(), "value": value, "low": value - 500, "high": value + 900,
        "level": "", "side": "", "p_relief_4w": 0.54, "p_relief_4w_control": 0.41, "p_relief_6m": 0.6, "p_relief_6m_control": 0.59,
        "relief_weeks": 3.4, "relief_weeks_low": -0.2, "relief_weeks_high": 7.1, "rank_low": 1, "rank_high": 9,
        "serious_harm_per_10000": 10.0, "cost": 600.0, "net_benefit": value, "p_best": 0.25,
        "permitted": not any(g.effect in ("block", "defer") for g in gates), "gates": gates,
    }  # fmt: skip
    fields |= more
    sham = fields["p_relief_4w"] - fields["p_relief_4w_control"]
    return RankedAction(
        **{"over_sham_4w": sham, "over_usual_care_4w": sham, "relief_weeks_over_sham": fields["relief_weeks"], **fields}
    )


def answer(**changes: Any) -> Assessment:
    """Sciatica, with a transforaminal epidural first; fields can be replaced."""
    waiting = action(
        "waiting",
        relief_weeks=0.0,
        p_relief_4w=0.3,
        p_relief_4w_control=0.3,
        cost=0.0,
        low=0.0,
        high=0.0,
        label="Watchful waiting",
    )
    block = action("medial_branch_block", -300.0, ASK, relief_weeks=0.0, p_relief_4w=0.3, p_relief_4w_control=0.3)
    first = action("transforaminal_epidural", 1200.0, ASK, MIND, level="S1", side="left", label="Transforaminal epidural")
    others = [action(f"option_{i}", -100.0 * i) for i in range(1, 7)]
    ablation = action("facet_radiofrequency", -900.0, BLOCK)
    made = Assessment(
        label="Six weeks of left sciatica",
        differential=(
            GeneratorProbability(
                "radiculopathy", "Root pain", 0.9, 0.85, 0.94, {"L5": 0.4, "S1": 0.5}, {"left": 0.98, "right": 0.02}, {}
            ),
            GeneratorProbability("facet_joint", "Facet joint pain", 0.08, 0.04, 0.12, {}, {}, {"L4_L5": 0.7, "L5_S1": 0.3}),
            GeneratorProbability(
                "serious_pathology", "Serious disease", 0.02, 0.01, 0.03, {"fracture": 0.015, "infection": 0.0004}, {}, {}
            ),
            GeneratorProbability("crps", "Regional pain syndrome", 0.004, 0.001, 0.01, {}, {}, {}),
        ),
        nonspecific=0.04,
        explanations=(Explanation(("radiculopathy",), "Root pain (S1)", 0.6), Explanation((), "Nonspecific pain", 0.04)),
        ranking=(first, action("rehabilitation", 300.0), waiting, *others, block, ablation),
        settings=Settings(
            "guideline",
            52.0,
            100_000.0,
            0.03,
            3,
            200,
            7,
            "USD",
            2025,
            "money",
            "USD",
            "net benefit over waiting",
            "sham, and zero is waiting",
            "spine_clinic",
        ),
        flags=(),
        plan=Plan(
            "transforaminal_epidural",
            2.0,
            1200.0,
            (Branch("relief", 0.55, True, None), Branch("no relief", 0.45, False, REHABILITATION)),
        ),
        plan_notes={"transforaminal_epidural": "with physiotherapy; no heavy lifting; repeats: a second in 4-8 weeks"},
        why=(
            Weight("radiculopathy", "neural_tension", "Straight leg raise", ("straight_leg_raise",), 4.2),
            Weight("radiculopathy", "age", "Age", ("age",), -1.3),
            Weight("facet_joint", "neural_tension", "Straight leg raise", ("straight_leg_raise",), -2.0),
        ),
        next_findings=(
            NextFinding("mri_disc_herniation", "Disc herniation on MRI", "imaging", 120.0, 0.2, 230.0),
            NextFinding("slump", "Slump test", "exam", 30.0, 0.1, 0.0),
            NextFinding("night_pain", "Night pain", "symptom", 1e-13, 0.01, 0.0),
        ),
        surprise=Surprise(-7.0, -2.5, not_understood=False, message="The findings hang together under the model."),
        provenance=Provenance(
            "0.1.0", "ab" * 32, "cd" * 32, 0.62, (("contexts/age/facet_joint/age_75_plus", 0.03),), 2, True, ("koes2006",)
        ),
        observed=(("duration", "weeks 6-12"), ("straight_leg_raise", "positive")),
        goals=("Sleep through the night",),
        disclaimer="spinecast is a research and decision-support tool and not a medical device.",
        labels={"duration": "How long the pain has lasted", "straight_leg_raise": "Straight leg raise", "age": "Age"},
    )
    return replace(made, **changes)


def urgent() -> Assessment:
    """The same person with saddle signs: evaluation goes first whatever the posterior."""
    base = answer()
    first = action("urgent_evaluation", -200.0, ALARM, label="Urgent evaluation")
    return answer(flags=(ALARM,), ranking=(first, *base.ranking), plan=Plan("urgent_evaluation", 0.0, -200.0), plan_notes={})
