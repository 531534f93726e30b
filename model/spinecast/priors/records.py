"""Frozen records of what stands in the `priors/` folder: one class a kind of file, no numbers computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from spinecast.frozen import dataclass

WEEKS = (2, 4, 13, 26, 52)
"""The five times, in weeks, at which outcomes are stated."""

FORMS = ("noisy_or", "noisy_max", "log_linear")
MAX_ACTIVE = 3
"""Most generators that can be active at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One published figure and the question that it answers."""

    id: str
    source: str
    target: str
    test: str
    given: str
    setting: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    seen_in: str
    confidence: str
    use: str
    reference_standard: str
    population: str
    finding: str
    note: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it stands in TOML: cited rows, or an assumption with its size and reason."""

    rows: tuple[str, ...] = ()
    combine: str = "pool"
    assumed: float | None = None
    derived: float | None = None
    like_n: float | None = None
    why: str = ""
    low: float | None = None
    high: float | None = None
    sd: float | None = None


Quantities = Mapping[str, Quantity]


@dataclass(frozen=True, slots=True)
class Generator:
    """A structure or mechanism producing pain."""

    id: str
    label: str
    region: str
    description: str
    levels: tuple[str, ...] = ()
    reachable: bool = True
    level_labels: Mapping[str, str] = field(default_factory=dict)
    sites: Quantities = field(default_factory=dict)
    sides: Quantities = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """How one generator (at some levels) produces a finding or goes with a context.

    `strength` maps a value to its exceedance probability (noisy forms) or odds ratio (log-linear);
    `with_others` replaces it while another generator is active too.
    """

    generator: str
    levels: tuple[str, ...]
    strength: Quantities
    with_others: Quantities = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sedation:
    """Relief that sedation alone produces, and how often it is given when not recorded."""

    prior: Quantity
    strength: Quantities


@dataclass(frozen=True, slots=True)
class Finding:
    """Anything observed. `leak` maps the value of `by` (or "") to a quantity per value but the first.

    `from_side` names the sided finding that tells this one, where it is not recorded itself: absent on one side, present on both.
    """

    id: str
    label: str
    region: str
    kind: str
    description: str
    form: str
    values: tuple[str, ...]
    leak: Mapping[str, Quantities]
    causes: Sequence[Cause]
    by: str = ""
    group: str = ""
    family: str = ""
    sided: bool = False
    located: bool = False
    concordance: Quantity | None = None
    burden: str = "history"
    kappa: Quantity | None = None
    from_procedure: tuple[str, int] | None = None
    sedation: Sedation | None = None
    from_side: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Who the person is. `base` maps setting, then value of `by` (or ""), to a quantity per value but the first."""

    id: str
    label: str
    question: str
    values: tuple[str, ...]
    base: Mapping[str, Mapping[str, Quantities]]
    causes: Sequence[Cause] = ()
    by: str = ""
    unit: str = ""
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """Something the decision layer or a gate needs and the network does not."""

    id: str
    label: str
    section: str
    question: str
    type: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    better: str = ""
    progress: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Prevalence of each generator (by level; "" where it has none) among those who present."""

    id: str
    label: str
    description: str
    weight: Quantity
    prevalence: Mapping[str, Quantities]
    co_occurrence: Quantities


@dataclass(frozen=True, slots=True)
class NaturalCourse:
    """P(>= 50 % relief) with time and usual care, by how long the pain has lasted and week."""

    id: str
    generator: str
    courses: Mapping[str, Mapping[int, Quantity]]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A family of findings that share a person-level frailty; `batteries` are sets of its tests that are counted together."""

    id: str
    label: str
    description: str
    loading: Quantity
    batteries: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """Active minus control probability of >= 50 % relief for one generator: what is stated of it, by week.

    Trials state the rest; `curve` has quantities that replace those of the procedure's kind (lasting ...), and `like`
    names a procedure from whose effect on the same generator this one is not known to differ.
    """

    generator: str
    levels: tuple[str, ...]
    named: str
    control: str
    difference: Mapping[int, Quantity] = field(default_factory=dict)
    curve: Quantities = field(default_factory=dict)
    like: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """A published time point of a trial, and what it is a time point of.

    Attributes
    ----------
    arm : tuple of str
        A procedure, "sham" or "usual_care"; several procedures where a review pools them.
    over : str
        Where the figure is a difference, what was subtracted: "sham" or "usual_care"; otherwise "".
    week : float
        Weeks from the procedure.
    fitted : bool
        Whether the curves are fitted to it; otherwise `why` says why not, and it is predicted all the same.
    """

    arm: tuple[str, ...]
    week: float
    published: Quantity
    over: str = ""
    fitted: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A published study of outcomes and the people in it, so that the model can be asked its own question.

    Attributes
    ----------
    generator, levels
        What every participant has; "" where only `patient` says who they are, and the network says what they have.
    setting : str
    patient : mapping
        Sections `context`, `findings` and `procedures` as in a patient file: what all participants have in common.
    shares : mapping of context to value to Quantity
        How the participants divide, where it is known.
    unused : tuple of (rows, why)
        Published figures of the study that are no time point here.
    review : bool
        A pool of several studies, whose interval already holds how much these differ.
    """

    id: str
    label: str
    design: str
    setting: str
    generator: str
    levels: tuple[str, ...]
    patient: Mapping[str, object]
    shares: Mapping[str, Quantities]
    arms: tuple[Arm, ...]
    unused: tuple[tuple[tuple[str, ...], str], ...] = ()
    review: bool = False


@dataclass(frozen=True, slots=True)
class Modifier:
    """Multiplies a procedure's specific effect when `when` is true."""

    when: str
    ratio: Quantity
    label: str
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Harm:
    """What can go wrong, per procedure; with one kind of `steroid` or in another `region` only, where the rate is of those."""

    id: str
    label: str
    serious: bool
    rate: Quantity
    qaly_loss: Quantity
    steroid: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """An action, injecting or not."""

    id: str
    label: str
    region: str
    kind: str
    invasive: bool
    steroid: bool
    description: str
    aim: str
    with_it: str
    repeats: str
    repeat_rule: str
    wait_weeks: Quantity
    review_weeks: Quantity
    cost_usd: Quantity
    effects: tuple[Effect, ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    harms: tuple[Harm, ...] = ()
    observes: tuple[tuple[str, ...], ...] = ()
    with_procedure: str = ""
    costs: Quantities = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    counted: bool = False
    repeat_ratio: Quantity | None = None
    half_life_weeks: Quantity | None = None
    steroid_kind: str = ""
    particulate_ratio: Quantity | None = None
    radiation_msv: Quantity | None = None

    def counts(self, harm: Harm) -> bool:
        """Does the rate hold for the procedure as it is done: in its own region, with the steroid that it is given with?"""
        return harm.region in ("", self.region) and harm.steroid in ("", self.steroid_kind)


@dataclass(frozen=True, slots=True)
class Rule:
    """A gate: it flags, defers or puts first, and never drops."""

    id: str
    label: str
    kind: str
    rule_sets: tuple[str, ...]
    applies_to: tuple[str, ...]
    effect: str
    message: str
    lift: str
    sources: tuple[str, ...]
    when: str = ""
    unknown: tuple[str, ...] = ()
    requires: Mapping[str, object] = field(default_factory=dict)
    limit: Mapping[str, object] = field(default_factory=dict)
    weeks: float | None = None
    generator: str = ""
    level: str = ""
    probability: Quantity | None = None
    first: str = ""
    clause: str = ""
    after: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Whose rules: its rules are those that name it in their `rule_sets`."""

    id: str
    label: str
    short: str
    issuer: str
    document: str
    scope: str
    description: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a pathway goes on: after what a review or a block showed (anything, where nothing is said), to which step."""

    go: str
    after: str = ""
    relief_percent: float | None = None


@dataclass(frozen=True, slots=True)
class PathwayStep:
    """One step of a pathway: an action, and where each result leads; a result that no turn names ends the pathway."""

    id: str
    action: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Pathway:
    """A fixed sequence that somebody demands, to be set beside the best plan. No generators: for everybody."""

    id: str
    label: str
    description: str
    rule_set: str
    generators: tuple[str, ...]
    steps: tuple[PathwayStep, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Priors:
    """Everything under `priors/`, keyed by id, in sorted order of id.

    `curves` are the fitted outcome curves, put there by `load_model`; None where there are none.
    """

    folder: Path
    rows: Mapping[str, Row]
    generators: Mapping[str, Generator]
    findings: Mapping[str, Finding]
    contexts: Mapping[str, Context]
    inputs: Mapping[str, Input]
    settings: Mapping[str, Setting]
    natural_course: Mapping[str, NaturalCourse]
    dependencies: Mapping[str, Dependency]
    procedures: Mapping[str, Procedure]
    rules: Mapping[str, Rule]
    economics: Mapping[str, object]
    content_hash: str
    network_hash: str = ""
    rule_sets: Mapping[str, RuleSet] = field(default_factory=dict)
    pathways: Mapping[str, Pathway] = field(default_factory=dict)
    trials: Mapping[str, Trial] = field(default_factory=dict)
    outcome_hash: str = ""
    curves: object = None
