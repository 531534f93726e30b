"""What every form of the answer shows, in the same order: groups of actions, notes on rules, the plan as steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from spinecast.assessment.assessment import Assessment, GeneratorProbability, NextFinding, Weight
from spinecast.assessment.localisation import SIDE_NAMED, SITE_NAMED
from spinecast.decision.gates import ON_RECORD, Gate
from spinecast.decision.plan import AGAIN, Branch, Plan
from spinecast.decision.ranking import RankedAction
from spinecast.frozen import dataclass
from spinecast.report.words import gain, gains, joined, money, percent, percents, place, plain, versus
from spinecast.wording import words

LIKELY = "What is it likely to be?"
NOT_MISSED = "What must not be missed?"
OPTIONS = "What would each option add over waiting?"
PLAN = "What to do first, what next, and if it does not fit?"
CHANGE = "What would change this answer?"
RESTS = "What this rests on"

IN_FULL = 6
"""Options shown with every interval; the others take one line."""

SHOWN = 0.02
"""Branches of the plan reached less often than this are summed up in one line."""

WORTH_A_LINE, LEAST_SHOWN = 0.03, 3
"""Generators less probable than this share one line, but for the first three."""

WEIGHTY = 0.5
"""Decibans below which a finding says nothing."""

WORTH_ASKING = 1.0
"""Money below which the value of an answer is rounding."""

LEAST_SAID = 0.005
"""Probability below which a difference or a remainder is rounding."""

NO_WEEKS = 0.05
OWN_SHARE = 0.1
"""Share of its extra weeks below which a treatment is said to work by context alone."""

MOST_ASKED = 5
MOST_NAMED = 2
NOT_RECORDED = "not recorded: "
"""How a gate begins what it asks for; an uncertain answer says so instead."""

SERIOUS = ("serious_pathology", "other_cause")
URGENT = "urgent_evaluation"
FREE = ("symptom", "exam")


@dataclass(frozen=True, slots=True)
class Options:
    """The ranking as it is read: the best in full, the rest, and what a rule does not permit now."""

    full: tuple[RankedAction, ...]
    rest: tuple[RankedAction, ...]
    blocked: tuple[RankedAction, ...]

    @property
    def every(self) -> tuple[RankedAction, ...]:
        """All of them, in order."""
        return self.full + self.rest + self.blocked


def options(assessment: Assessment) -> Options:
    """The ranking in three groups. What a rule puts first stays first."""
    first, later = assessment.ranking[:1], assessment.ranking[1:]
    open_ = first + tuple(r for r in later if r.permitted)
    return Options(open_[:IN_FULL], open_[IN_FULL:], tuple(r for r in later if not r.permitted))


def option_name(row: RankedAction) -> str:
    """The action and where it is aimed."""
    return ", ".join(p for p in (row.label, place(row.level, row.side)) if p)


def relieves(row: RankedAction) -> bool:
    """False for what only finds out."""
    changes = (row.over_usual_care_4w, row.over_usual_care_6m, row.over_sham_4w, row.over_sham_6m)
    return row.id == "waiting" or max(changes) >= LEAST_SAID


def by_context(row: RankedAction) -> bool:
    """What it adds is hardly its own: a sham of it would add nearly as much in this person."""
    adds = row.relief_weeks if row.id not in ("waiting", URGENT) and relieves(row) else 0.0
    return adds >= NO_WEEKS and row.relief_weeks_over_sham < OWN_SHARE * adds


BY_CONTEXT = (
    "Hardly anything of it is its own: here its target is unlikely, or it is not known to beat a sham. Its weeks and value are what any "
    "active care adds (attention, expectation, time), so another row gives the same without a needle."
)


def numbered(assessment: Assessment) -> dict[str, tuple[int, Gate]]:
    """Rules that do more than ask, numbered as met going down the ranking."""
    found: dict[str, tuple[int, Gate]] = {}
    for row in options(assessment).every:
        for gate in row.gates:
            if gate.effect != "ask" and gate.rule not in found:
                found[gate.rule] = (len(found) + 1, gate)
    return found


def marks(row: RankedAction, notes: Mapping[str, tuple[int, Gate]]) -> str:
    """Numbers of the notes on a row, = where it works by context alone, ? where something is to be asked first."""
    own = [str(n) for n in sorted(notes[g.rule][0] for g in row.gates if g.rule in notes)]
    own += ["="] if by_context(row) else []
    own += ["?"] if any(g.effect == "ask" for g in row.gates) else []
    return f"[{' '.join(own)}]" if own else ""


def holds(gate: Gate) -> bool:
    """Does the rule hold its action back?"""
    return gate.effect in ("block", "defer")


def note_text(gate: Gate) -> str:
    """One rule in a line: what it says, and what lifts it where it holds something back."""
    if gate.kind == ON_RECORD:
        return f"{gate.label}: {gate.message[0].lower()}{gate.message[1:]}"
    whose = f" ({', '.join(words(s) for s in gate.rule_sets)})" if gate.rule_sets else " (safety)"
    if holds(gate):
        verb = "not permitted" if gate.effect == "block" else "not yet"
        return f"{gate.label}{whose}: {verb}. {gate.message} Lifted by: {gate.lift}"
    return f"{gate.label}{whose}"


def asks(assessment: Assessment) -> Mapping[str, tuple[str, ...]]:
    """What is not recorded, or uncertain, and some rule wants to know, by when it matters; unknown is not clear.

    Each is named once, where it matters first: warning signs, the options shown in full, the others.
    """
    shown = options(assessment)
    groups = {
        "Warning signs": [assessment.flags],
        "Before any of the first options": [row.gates for row in shown.full],
        "For options further down only": [row.gates for row in shown.rest + shown.blocked],
    }
    seen: set[str] = set()
    found = {}
    for name, gates in groups.items():
        wanted = dict.fromkeys(m for several in gates for gate in several if gate.effect == "ask" for m in _missing(gate))
        found[name] = tuple(m for m in wanted if m not in seen)
        seen.update(wanted)
    return {name: missing for name, missing in found.items() if missing}


def _missing(gate: Gate) -> Iterator[str]:
    for one in gate.missing or (gate.label,):
        yield re.sub(r" \([^)]* asked for\)$", "", one.removeprefix(NOT_RECORDED))


def steroid_line(assessment: Assessment) -> str:
    """The steroid of the last twelve months in a sentence; "" where none is on record."""
    year = assessment.steroid
    if year is None:
        return ""
    given = [
        f"{words(d.drug)} {d.dose_mg:g} mg"
        if d.equivalent_mg is not None
        else f"{assessment.labels[d.procedure]}, dose not recorded"
        for d in year.doses
    ]
    least = "at least " if year.not_recorded else ""
    count = f"{len(given)} injection{'s' if len(given) > 1 else ''}"
    return f"Steroid in the last 12 months: {least}{year.equivalent_mg:.0f} mg as methylprednisolone, in {count} ({'; '.join(given)})."


def alarms(assessment: Assessment) -> tuple[Gate, ...]:
    """Rules that speak about the person, but for those that only ask."""
    return tuple(g for g in assessment.flags if g.effect != "ask")


def recorded(assessment: Assessment) -> tuple[str, ...]:
    """Everything observed, in words."""
    return tuple(f"{assessment.labels.get(k, words(k))}: {plain(v)}" for k, v in assessment.observed)


def shown(assessment: Assessment) -> tuple[tuple[GeneratorProbability, ...], tuple[GeneratorProbability, ...]]:
    """Generators in full (the probable ones and what must not be missed), and the rest."""
    rows = assessment.differential
    full = tuple(g for i, g in enumerate(rows) if i < LEAST_SHOWN or g.probability >= WORTH_A_LINE or g.id == SERIOUS[0])
    return full, tuple(g for g in rows if g not in full)


def whereabouts(generator: GeneratorProbability) -> str:
    """Most probable levels and side, given that the generator is active; only what stands out."""
    parts = []
    if generator.levels and generator.probability > 0:
        top = sorted(generator.levels.items(), key=lambda kv: -kv[1])[:2]
        parts += [f"{words(k)} {percent(v / generator.probability)}" for k, v in top if v / generator.probability >= 0.1]
    else:
        parts += _standing_out(generator.sites, SITE_NAMED)
    return ", ".join(parts + _standing_out(generator.sides, SIDE_NAMED))


def other_sides(assessment: Assessment) -> Iterator[str]:
    """Of what is likelier than not: the signs and scans that were recorded on the other side than the rest."""
    for generator in assessment.differential:
        if generator.other_side and generator.probability > EVEN:
            names = joined([assessment.labels.get(name, words(name)) for name in generator.other_side], "and")
            yield f"{names}: recorded on the other side than the rest of what speaks for {generator.label.lower()}, and so no confirmation of it."


def _standing_out(shares: Mapping[str, float], least: float) -> list[str]:
    return [f"{words(k)} {percent(v)}" for k, v in shares.items() if v >= least]


def serious(assessment: Assessment) -> Iterator[tuple[GeneratorProbability, str]]:
    """Serious and non-spinal causes with their kinds, most probable first."""
    for generator in assessment.differential:
        if generator.id in SERIOUS:
            kinds = sorted(generator.levels.items(), key=lambda kv: -kv[1])
            yield generator, ", ".join(f"{words(k)} {_small(v)}" for k, v in kinds)


def _small(probability: float) -> str:
    """Percent with one decimal: among serious causes 0.4 % and 1.4 % are not the same."""
    if probability >= 0.9995:
        return ">99.9 %"
    return f"{100 * probability:.1f} %" if probability >= 0.0005 else "<0.1 %"


def weighed(assessment: Assessment) -> Iterator[tuple[str, tuple[Weight, ...]]]:
    """Weights of evidence of the leader and of its main rival."""
    for generator in dict.fromkeys(w.generator for w in assessment.why):
        if generator in [g.id for g in assessment.differential[:2]]:
            yield generator, tuple(w for w in assessment.why if w.generator == generator)


def counter_evidence(assessment: Assessment) -> Weight | None:
    """What speaks most against the leader, if anything of weight does."""
    against = [w for w in assessment.why if w.generator == assessment.differential[0].id and w.decibans <= -WEIGHTY]
    return min(against, key=lambda w: w.decibans, default=None)


def next_steps(assessment: Assessment) -> tuple[NextFinding, ...]:
    """The five most valuable things to ask or test, those that cost nothing first."""
    top = sorted(assessment.next_findings, key=lambda f: (-round(f.value), -f.bits, f.id))[:MOST_ASKED]
    return tuple(sorted(top, key=lambda f: f.cost > 0 and f.kind not in FREE))


def contest(assessment: Assessment) -> str:
    """How sure the first choice is, and what comes nearest."""
    first, *others = [r for r in assessment.ranking if r.permitted or r is assessment.first]
    rival = max(others, key=lambda r: r.p_best, default=None)
    if urgent(assessment):
        second = f"; of the others {rival.label} has the highest value in {percent(rival.p_best)} of the draws" if rival else ""
        return f"{first.label} comes first by a rule, not by its value{second}."
    said = f"{first.label} comes first on the best estimate and has the highest value in {percent(first.p_best)} of the draws"
    return f"{said}; {rival.label} has it in {percent(rival.p_best)}." if rival is not None else f"{said}."


def urgent(assessment: Assessment) -> tuple[str, ...]:
    """Rules that put something first whatever it is worth."""
    return tuple(gate.label.rstrip(".") for gate in assessment.flags if gate.effect == "first")


def in_short(assessment: Assessment) -> tuple[str, ...]:
    """The answer in two or three lines: what is likely, what to do first and what that is worth, what no option here reaches."""
    leader = assessment.differential[0]
    where = whereabouts(leader)
    chance = f"{percent(leader.probability)} ({percents(leader.low, leader.high)})"
    likely = f"{leader.label}{f' ({where})' if where else ''}, {chance}"
    if assessment.nonspecific > leader.probability:
        likely = (
            f"none of the sources that the model knows (nonspecific pain), {percent(assessment.nonspecific)}; after that {likely}"
        )
    elsewhere = (ELSEWHERE,) if leader.id == SERIOUS[1] and leader.probability > EVEN else ()
    return (f"Most likely: {likely}.", f"First: {_first(assessment)}.", *elsewhere)


ELSEWHERE = "It lies outside the spine, and no procedure listed here is aimed at it: have it looked into before any needle."
EVEN = 0.5


def _first(assessment: Assessment) -> str:
    first, s, rules = assessment.first, assessment.settings, urgent(assessment)
    if rules:
        return f"{option_name(first)}, before anything else: {rules[0]}"
    if first.id == "waiting":
        chance = percent(first.p_relief_4w)
        return (
            f"{first.label}; half relief at 1 month {chance} with time alone, and nothing listed here is worth more than its cost"
        )
    worth = f"worth {s.value_unit} {gain(first.value, s)} over waiting ({gains(first.low, first.high, s)})"
    doubt = ", so not clearly better than waiting" if first.low <= 0 < first.value else ""
    relief = f"half relief at 1 month {versus(first.p_relief_4w, first.p_relief_4w_control)}, " if relieves(first) else ""
    return f"{option_name(first)}; {relief}{worth}{doubt}"


def share_line(assessment: Assessment) -> str:
    """How much of the answer rests on published figures."""
    p = assessment.provenance
    return (
        f"{percent(p.share_from_evidence)} of what moves the leading diagnosis rests on published figures "
        f"({len(p.sources)} sources), the rest on stated assumptions."
    )


WHOSE = {
    "payer": "payer",
    "payer_office": "payer, done in an office",
    "payer_facility": "payer, done in a facility",
    "patient": "patient",
}


def settings_lines(assessment: Assessment) -> tuple[str, ...]:
    """Every choice behind the numbers; always printed."""
    s, p = assessment.settings, assessment.provenance
    return (
        f"Rule set {words(s.rule_set)}; setting {words(s.setting)}; horizon {s.horizon_weeks:g} weeks; {s.depth} decisions ahead.",
        f"{s.currency} {money(s.willingness_to_pay)} a quality-adjusted life year, of {s.year}; discount {100 * s.discount:.3g} % a year; cost to the {WHOSE[s.perspective]}.",
        f"{s.draws} draws, seed {s.seed}; spinecast {p.version}, priors {p.priors_hash[:12]}, fit {p.fit_hash[:12]}{f', {p.learned}' if p.learned else ''}.",
        f"Unit: {s.unit}. Control: {s.control}.",
        *(["The priors have changed since they were fitted: `spinecast fit` brings the fit up to date."] if p.stale else []),
    )


def parameter_name(name: str, labels: Mapping[str, str]) -> str:
    """`contexts/age/central_stenosis/age_75_plus` in words."""
    parts = [p.removesuffix("]").split("[") for p in name.split("/")[1:] or [name]]
    return ", ".join(" ".join([labels.get(p[0], words(p[0])), *map(words, p[1:])]) for p in parts)


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the plan: what, where, from which week, what goes with it, and what then.

    `again`: what follows it has been said further up.
    """

    title: str
    week: float
    notes: tuple[str, ...]
    ways: tuple[Way, ...]
    left_out: float = 0.0
    again: bool = False

    @property
    def when(self) -> str:
        """Now, or the week in which it happens."""
        return f"Week {self.week:.0f}" if self.week >= 1 else "Now"


@dataclass(frozen=True, slots=True)
class Way:
    """What can be seen after a step; `fits` is None where it is neither relief nor its absence."""

    seen: str
    probability: float
    fits: bool | None
    then: Step | None

    @property
    def title(self) -> str:
        """How the branch begins."""
        if self.seen.startswith("whatever"):
            return self.seen
        begins = "if it does not fit: " if self.fits is False else "if "
        return f"{begins}{self.seen} ({percent(self.probability)})"

    @property
    def ends(self) -> str:
        """What is said where nothing follows."""
        if self.seen.startswith("whatever"):
            return "assess again with what was found"
        if self.fits:
            return "carry on; no further procedure"
        return "nothing listed here adds more than waiting does; assess again with what was seen"


def steps(assessment: Assessment) -> Step:
    """The plan with names, notes and weeks; alike branches together, rare ones left out."""
    return steps_of(assessment.plan, {r.id: option_name(r) for r in assessment.ranking}, assessment.plan_notes)


def steps_of(plan: Plan, names: Mapping[str, str], notes: Mapping[str, str]) -> Step:
    """The same of any plan, with the names of its actions and what is done alongside them."""
    return _Steps(names, notes).step(plan, 1.0, set())


@dataclass(frozen=True, slots=True)
class _Steps:
    names: Mapping[str, str]
    notes: Mapping[str, str]

    def step(self, plan: Plan, reached: float, noted: set[str]) -> Step:
        note = "" if plan.action in noted else self.notes.get(plan.action, "")
        noted.add(plan.action)
        name = self.names.get(plan.action, words(plan.action)) + (", again" if plan.again else "")
        shape = repr(_shape(plan))
        if plan.branches and shape in noted:
            return Step(name, plan.start, (), (), again=True)
        noted.add(shape)
        if plan.action == URGENT:
            return Step(name, plan.start, _notes(note), (Way("whatever it finds", 1.0, None, None),))
        groups = [g for g in _alike(plan) if reached * _total(g) >= SHOWN]
        ways = tuple(self._way(plan, g, reached, noted) for g in groups)
        left_out = 1.0 - sum(w.probability for w in ways) if ways else 0.0
        return Step(name, plan.start, _notes(note), ways, max(left_out, 0.0))

    def _way(self, plan: Plan, group: list[Branch], reached: float, noted: set[str]) -> Way:
        probability = _total(group)
        likeliest = max(group, key=lambda b: b.probability)
        then = None if likeliest.then is None else self.step(likeliest.then, reached * probability, noted)
        seen = "whatever it shows" if len(group) == len(plan.branches) > 1 else _seen(group, plan.branches)
        return Way(seen, probability, _fits(group), then)


def _notes(note: str) -> tuple[str, ...]:
    return tuple(n for n in note.replace("; repeats: ", "\nrepeats: ").split("\n") if n)


def _alike(plan: Plan) -> list[list[Branch]]:
    """Branches that lead to the same actions, together; what fits comes first."""
    groups: dict[object, list[Branch]] = {}
    for branch in plan.branches:
        groups.setdefault((branch.relieved, AGAIN in branch.label, _shape(branch.then)), []).append(branch)
    return sorted(groups.values(), key=lambda g: {True: 0, None: 1, False: 2}[_fits(g)])


_RELAPSE = re.compile(r"pain again after about (\d+) weeks of relief")


def _seen(group: Sequence[Branch], every: Sequence[Branch]) -> str:
    """What the branches show: all of them, or of many the most probable and how many more."""
    ordered = [tuple(b.label.split(", ")) for b in sorted(group, key=lambda b: -b.probability)]
    labels = list(dict.fromkeys(_positives(_in_turn(one)) for one in _telling(ordered, [b.label.split(", ") for b in every])))
    weeks = [found[1] for label in labels if (found := _RELAPSE.fullmatch(label))]
    if len(weeks) == len(labels):
        return f"pain again after about {joined(sorted(weeks, key=float))} weeks of relief"
    if len(labels) <= MOST_NAMED:
        return joined(labels)
    return f"{labels[0]}, or one of {len(labels) - 1} other results that lead to the same"


def _in_turn(parts: Sequence[str]) -> str:
    """What an injection that is a block as well shows: first the answer to the anaesthetic, weeks later the relief."""
    first, *later = parts
    if later and re.match(r"relief (below )?\d", first):
        return f"{first} from the anaesthetic, then {', '.join(later)}"
    return ", ".join(parts)


def _telling(group: Sequence[tuple[str, ...]], every: Sequence[Sequence[str]]) -> Sequence[tuple[str, ...]]:
    """Results of several looks at once without the looks whose answer makes no difference to what follows."""
    for i in range(len(group[0]) if len({len(one) for one in [*group, *every]}) == 1 else 0):
        inside = {one[:i] + one[i + 1 :] for one in group}
        alike = {tuple(one) for one in every if (*one[:i], *one[i + 1 :]) in inside}
        if len(group[0]) > 1 and len(alike) > len(inside) and alike == set(group):
            shorter = [tuple(one[:i]) + tuple(one[i + 1 :]) for one in every]
            return _telling([one[:i] + one[i + 1 :] for one in group], shorter)
    return group


def _positives(label: str) -> str:
    """Of several findings seen at once those that are there."""
    parts = label.split(", ")
    there = [p for p in parts if not p.startswith("no ")]
    return label if len(parts) <= MOST_NAMED else " and ".join(there) or "none of what it looks for"


def _shape(plan: Plan | None) -> object:
    return plan and (plan.action, tuple((b.label, _shape(b.then)) for b in plan.branches))


def _total(group: list[Branch]) -> float:
    return sum(b.probability for b in group)


def _fits(group: list[Branch]) -> bool | None:
    if all(b.relieved for b in group):
        return True
    failed = any("no relief" in b.label or b.label.startswith("relief below") for b in group)
    return False if failed else None
