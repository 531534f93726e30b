"""A knowledge base of a few records, made in Python, for tests of the decision layer."""

from __future__ import annotations

from pathlib import Path

from spinecast.priors.records import (
    WEEKS,
    Context,
    Effect,
    Finding,
    Generator,
    Harm,
    Input,
    Modifier,
    NaturalCourse,
    Priors,
    Procedure,
    Quantity,
    Rule,
)


def q(value: float, n: float = 40.0) -> Quantity:
    return Quantity(assumed=value, like_n=n, why="a test")


def weeks(*values: float) -> dict[int, Quantity]:
    five = values if len(values) == 5 else values * 5
    return {t: q(v) for t, v in zip(WEEKS, five, strict=True)}


def course(generator: str, acute: float, chronic: float) -> NaturalCourse:
    return NaturalCourse(generator, generator, {"acute": weeks(acute), "subacute": weeks(acute), "chronic": weeks(chronic)})


def procedure(name: str, kind: str = "injection", *, steroid: bool = False, **rest) -> Procedure:
    fields = {"wait_weeks": q(2), "review_weeks": q(4), "cost_usd": q(600)} | rest
    return Procedure(
        id=name, label=name.title(), region="lumbosacral", kind=kind, invasive=kind in ("injection", "block", "ablation"),
        steroid=steroid, description="", aim="none", with_it="", repeats="", repeat_rule="", **fields,
    )  # fmt: skip


def rule(name: str, kind: str, effect: str = "block", applies_to: tuple[str, ...] = ("epidural",), **rest) -> Rule:
    fields = {"rule_sets": ()} | rest
    return Rule(
        id=name, label=name, kind=kind, applies_to=applies_to, effect=effect, message="m", lift="l", sources=("row",), **fields
    )


GENERATORS = (
    Generator("root", "Root", "lumbosacral", "", levels=("L5", "S1")),
    Generator("facet", "Facet", "lumbosacral", ""),
)

PROCEDURES = (
    procedure("ablation", "ablation", effects=(Effect("facet", (), "", "sham", weeks(0.1, 0.2, 0.3, 0.3, 0.1)),)),
    procedure("block", "block", observes=(("block_1",), ("block_2",))),
    procedure(
        "epidural",
        steroid=True,
        effects=(
            Effect("root", ("L5",), "", "sham", weeks(0.2, 0.2, 0.1, 0.0, 0.0)),
            Effect("root", ("S1",), "", "sham", weeks(0.1, 0.1, 0.1, 0.0, 0.0)),
        ),
        modifiers=(
            Modifier("duration in (weeks_13_52, weeks_52_plus)", q(0.5), "long pain", "root"),
            Modifier("smoking", q(0.8), "smoking"),
        ),
        harms=(
            Harm("serious", "Serious", True, q(0.001), q(2.0)),
            Harm("sore", "Sore", False, q(0.2), q(0.001)),
        ),
    ),
    procedure("facet_injection", steroid=True),
    procedure(
        "rehabilitation", "conservative",
        effects=(Effect("root", (), "", "usual_care", weeks(0.05)), Effect("nonspecific", (), "", "usual_care", weeks(0.1))),
    ),
    procedure("urgent", "urgent"),
    procedure("waiting", "waiting", wait_weeks=q(0), review_weeks=q(4), cost_usd=q(0)),
)  # fmt: skip

CONTEXTS = (
    Context(
        "duration", "Duration", "", ("weeks_0_6", "weeks_6_12", "weeks_13_52", "weeks_52_plus"), {}, bounds=(0, 6, 12, 52, 5200)
    ),
    Context("smoking", "Smoking", "", ("never", "former", "current"), {}),
)

FINDINGS = (
    Finding("fever", "Fever", "lumbosacral", "symptom", "", "noisy_or", ("absent", "present"), {}, ()),
    Finding("canal", "Canal", "lumbosacral", "imaging", "", "noisy_max", ("none", "moderate", "severe"), {}, ()),
)

INPUTS = (
    Input("anticoagulant", "Thinner", "safety", "", "choice", values=("none", "warfarin")),
    Input("allergies", "Allergies", "safety", "", "list", values=("none", "contrast", "latex")),
    Input("implant", "Implant", "safety", "", "boolean"),
    Input("hba1c", "HbA1c", "safety", "", "number"),
    Input("tolerance", "Tolerance", "care", "", "choice", values=("full", "none")),
)

ECONOMICS = {
    "currency": {"code": "USD", "year": 2025},
    "horizon": {"weeks": 52},
    "willingness_to_pay": q(100_000.0, 1000),
    "discount": q(0.03, 1000),
    "extrapolation": {"half_life_weeks": q(52.0)},
    "contextual_effect": {f"week_{t}": q(v) for t, v in zip(WEEKS, (0.1, 0.12, 0.08, 0.04, 0.02), strict=True)},
    "utility": {
        "loss_mild": q(0.05), "loss_moderate": q(0.2), "loss_severe": q(0.4), "share_regained": q(0.6), "loss_per_awakening": q(0.01),
    },
    "unknown_severity": {"mild": q(0.2), "moderate": q(0.5), "severe": q(0.3)},
    "therapy": {
        "respite": q(0.5),
        "therapy_tolerance": {"full": q(1.0), "limited": q(0.6), "none": q(0.2)},
        "rehabilitation_willing": {"yes": q(1.0), "unsure": q(0.7), "no": q(0.1)},
    },
}  # fmt: skip


def priors(*rules: Rule, procedures: tuple[Procedure, ...] = PROCEDURES, economics: dict[str, object] | None = None) -> Priors:
    def by_id(records):
        return {r.id: r for r in sorted(records, key=lambda r: r.id)}

    courses = (course("root", 0.6, 0.3), course("facet", 0.4, 0.1), course("nonspecific", 0.5, 0.2))
    return Priors(
        folder=Path(), rows={}, generators=by_id(GENERATORS), findings=by_id(FINDINGS), contexts=by_id(CONTEXTS), inputs=by_id(INPUTS),
        settings={}, natural_course=by_id(courses), dependencies={}, procedures=by_id(procedures), rules=by_id(rules),
        economics=ECONOMICS | (economics or {}), content_hash="",
    )  # fmt: skip
