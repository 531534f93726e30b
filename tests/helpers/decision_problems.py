"""Small decision problems made of arrays, and the plan search written a second time, plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from spinecast.decision.outcomes import Outcomes, relief_weights
from spinecast.decision.plan import Seen
from spinecast.decision.planner import Planner
from spinecast.decision.profile import Done
from spinecast.decision.settings import DecisionSettings

WEEKS = (2, 4, 13, 26, 52)
SETTINGS = DecisionSettings("guideline", 52.0, 100_000.0, 0.03, 3, "USD", 2025)


@dataclass(frozen=True)
class Action:
    """One action of a small problem. `effect` maps a level to its five differences (or one for all five)."""

    name: str
    kind: str = "injection"
    effect: dict[int, object] = field(default_factory=dict)
    cost: float = 500.0
    harm: float = 0.0
    wait: float = 2.0
    review: float = 4.0
    partner: str = ""
    repeat: float = 0.0


WAITING = Action("waiting", "waiting", cost=0.0, wait=0.0)


@dataclass(frozen=True)
class Block:
    """Responses of a block: P(grade | state) for a quiet and for an eager responder, shape (2, S, O)."""

    grades: np.ndarray
    looks: int = 2


@dataclass(frozen=True)
class Problem:
    """Arrays, settings, blocks that share one responder latent, and a rule."""

    outcomes: Outcomes
    settings: DecisionSettings
    kinds: tuple[str, ...]
    belief: np.ndarray
    blocks: dict[str, Block] = field(default_factory=dict)
    eager: float = 0.3
    permitted: Callable[[str, tuple[Done, ...], float], bool] = lambda action, done, time: True

    def observe(self, action, seen):
        """Grades of the next look, given the earlier ones, by Bayes over the two kinds of responder."""
        block = self.blocks.get(action)
        if block is None or sum(s.action == action for s in seen) >= block.looks:
            return None
        weight = np.repeat(np.array([[1 - self.eager], [self.eager]]), len(self.belief), axis=1)
        for one in seen:
            if one.action in self.blocks:
                weight = weight * self.blocks[one.action].grades[:, :, int(one.label)]
        weight = weight / weight.sum(axis=0)
        likelihood = (weight[:, :, None] * block.grades).sum(axis=0).T
        return tuple(Seen(action, str(i), 50.0 * i) for i in range(len(likelihood))), likelihood

    def planner(self) -> Planner:
        return Planner(self.outcomes, self.settings, self.kinds, self.observe, self.permitted)

    def plans(self):
        return self.planner().best_plans(self.belief)

    def values(self) -> dict[str, float]:
        return {name: plan.value for name, plan in self.plans().items()}

    def with_settings(self, **changes):
        return replace(self, settings=replace(self.settings, **changes))

    def brute(self) -> dict[str, float]:
        """The value of every action by plain recursion: no bounds, no caches, normalised beliefs."""
        start = (self.belief, 0.0, (), (), (), False, False, frozenset(), self.settings.depth)
        return {
            name: 0.0 if kind == "waiting" else self._begin(name, *start)
            for name, kind in zip(self.outcomes.actions, self.kinds, strict=True)
        }

    def _begin(self, name, belief, time, used, seen, done, cared, relieved, lapsed, depth):
        o, s = self.outcomes, self.settings
        a = o.actions.index(name)
        start = time + o.wait[a]
        off = (1 + s.discount) ** (-start / 52)
        treats = self.kinds[a] not in ("block", "test")
        curves = [self._curves(a, level, name in lapsed) for level in range(o.share.shape[1])]
        years = np.zeros(len(curves))
        for level, (context, own, eased) in enumerate(curves):
            gained = eased if relieved else own
            years[level] = self._years(
                gained if cared else gained + context + o.partner_effect[0, a, :, level], start, o.half_life[0, a]
            )
        cost = o.cost[0, a] + o.partner_cost[0, a] * (not cared)
        value = 0.0
        for state, p in enumerate(belief):
            qaly = sum(share * y for share, y in zip(o.share[state], years, strict=True)) * o.worth[0] - o.harm[0, a] * off
            value += p * (s.willingness_to_pay * qaly - cost * off)
        if depth <= 0 or relieved:
            return value
        relief, ends = np.zeros(len(belief)), {}
        for level, (context, own, _) in enumerate(curves):
            natural = o.natural[0, :, level]
            at_review, later = self._course(natural + context + own, natural, a)
            relief += o.share[:, level] * at_review
            for week, chance in later:
                ends[week] = ends.get(week, 0.0) + o.share[:, level] * chance
        relief = np.clip(relief, 0, 1)
        total = sum(ends.values(), np.zeros(len(belief)))
        most = np.where(total > relief, relief / np.where(total > 0, total, 1), 1.0)  # relief was cut: no more relapse than that
        ends = {w: p * most for w, p in ends.items() if start + w < s.horizon_weeks and p.any()}
        look = self.observe(name, seen)
        shown = [(None, np.ones(len(belief)))] if look is None else list(zip(*look, strict=True))
        for one, likelihood in shown:
            percent = None if one is None else one.relief_percent
            turns = [(np.ones(len(belief)), False, None)]
            if treats:
                turns = [(relief - sum(ends.values(), np.zeros(len(belief))), True, None), (1 - relief, False, None)]
                turns += [(p, False, w) for w, p in ends.items()]
            for chance, good, week in turns:
                joint = belief * likelihood * chance
                if joint.sum() <= 0:
                    continue
                kept = 50.0 * (good or week is not None) if treats and percent is None else percent
                free = week is not None and o.repeat_ratio[0, a] > 0
                spent = (*used, name, *([o.partner[a]] if o.partner[a] and not cared else []))
                after = (
                    joint / joint.sum(), start + (o.review[a] if week is None else week),
                    tuple(n for n in spent if n != name) if free else spent, seen if one is None else (*seen, one),
                    (*done, Done(name, -start, kept, week)), cared or bool(o.cared[a]), good,
                    lapsed | {name} if free else lapsed, depth - 1,
                )  # fmt: skip
                value += joint.sum() * self._continue(*after)
        return value

    def _curves(self, a, level, again):
        """Context, and the specific effect on someone in pain and on someone relieved, of one action on one level."""
        o = self.outcomes
        context = o.contextual[0] * (1 - o.natural[0, :, level]) if o.cared[a] else np.zeros(5)
        own, eased = o.specific[0, a, :, level], o.eased[0, a, :, level]
        if again:
            most = 1 - o.natural[0, :, level] - context
            own, eased = (np.minimum(o.repeat_ratio[0, a] * x, most) for x in (own, eased))
        return context, own, eased

    def _years(self, curve, start, half_life):
        """Discounted years under one curve: exactly up to week 52, and by many small steps beyond it."""
        s = self.settings
        weeks = relief_weights(start, min(s.horizon_weeks, start + 52), s.discount) @ curve
        room = s.horizon_weeks - start - 52
        if room > 0:
            middle = (np.arange(500) + 0.5) * room / 500
            weeks += (
                (curve[-1] * 0.5 ** (middle / half_life) * (1 + s.discount) ** (-(start + 52 + middle) / 52)).sum() * room / 500
            )
        return weeks / 52

    def _course(self, active, natural, a):
        """P(relief at review), and (week, P(pain again in that stretch)) of one level."""
        o, s = self.outcomes, self.settings

        def at(curve, week):
            return float(np.interp(week, (0, *WEEKS), (0, *curve)))

        def held(week):
            left = max(at(active, week) - at(natural, week), 0) / (1 - at(natural, week))
            return left * 0.5 ** (max(week - 52, 0) / o.half_life[0, a])

        review = o.review[a]
        relief = at(active, review)
        if not s.sequences:
            return relief, []
        knots = [review, *(w for w in WEEKS if w > review), *([s.horizon_weeks] if s.horizon_weeks > max(52, review) else [])]
        least, later = held(review), []
        for left, right in pairwise(knots):
            now = min(least, held(right))
            week = (left + right) / 2
            if week < max(s.horizon_weeks, 52):
                later.append((week, (least - now) * (1 - max(at(natural, week), at(natural, review)))))
            least = now
        return relief, later

    def _continue(self, belief, time, used, seen, done, cared, relieved, lapsed, depth):
        best = 0.0
        for a, name in enumerate(self.outcomes.actions):
            kind = self.kinds[a]
            treats = kind not in ("block", "test")
            idle = kind == "waiting" and (depth <= 0 or not self.settings.sequences)
            new = (treats and name not in used) or self.observe(name, seen) is not None
            start = time + self.outcomes.wait[a]
            if idle or not new or start >= self.settings.horizon_weeks or not self.permitted(name, done, start):
                continue
            if (relieved and kind != "conservative") or (depth <= 0 and not treats):
                continue
            best = max(best, self._begin(name, belief, time, used, seen, done, cared, relieved, lapsed, depth))
        return best


def problem(
    *actions: Action,
    belief,
    share=None,
    natural=0.2,
    contextual=0.0,
    worth=0.15,
    half_life=np.inf,
    draws: int = 0,
    eased: dict[str, float] | None = None,
    **rest,
) -> Problem:
    """A problem with one state a level unless `share` (S, L + 1) says otherwise; the last level is nonspecific."""
    belief = np.asarray(belief, dtype=float)
    share = np.eye(len(belief)) if share is None else np.asarray(share, dtype=float)
    levels, d = share.shape[1], draws + 1
    actions = (*actions, WAITING)
    specific = np.zeros((d, len(actions), 5, levels))
    for a, action in enumerate(actions):
        for level, difference in action.effect.items():
            specific[:, a, :, level] = difference
    scale = np.array([(eased or {}).get(action.name, 1.0) for action in actions])
    kinds = tuple(action.kind for action in actions)
    by_name = {action.name: action for action in actions}

    def partner_of(action: Action) -> np.ndarray:
        """What is done alongside has its own effect here."""
        if not action.partner:
            return np.zeros((d, 5, levels))
        return specific[:, actions.index(by_name[action.partner])]

    def column(name: str) -> np.ndarray:
        return np.tile([float(getattr(action, name)) for action in actions], (d, 1))

    cared = np.array([k not in ("test", "examination", "block", "waiting") for k in kinds])
    course = np.broadcast_to(np.asarray(natural, dtype=float), (d, 5, levels)).copy()
    context = np.broadcast_to(np.asarray(contextual, dtype=float), (d, 5)).copy()
    alongside = np.stack([partner_of(action) for action in actions], axis=1)
    return Problem(
        outcomes=Outcomes(
            actions=tuple(action.name for action in actions),
            share=share,
            natural=course,
            contextual=context,
            specific=specific,
            eased=specific * scale[None, :, None, None],
            cared=cared,
            partner=tuple(action.partner for action in actions),
            partner_effect=alongside,
            opening=(context[:, :, None] * (1 - course))[:, None] * cared[:, None, None] + alongside,
            partner_cost=np.tile([float(by_name[action.partner].cost) if action.partner else 0.0 for action in actions], (d, 1)),
            cost=column("cost"),
            harm=column("harm"),
            serious=np.zeros((d, len(actions))),
            wait=column("wait")[0],
            review=column("review")[0],
            worth=np.full(d, worth),
            half_life=np.tile([half_life] * len(actions), (d, 1)),
            repeat_ratio=column("repeat"),
            includes=tuple(() for _ in actions),
        ),
        settings=rest.pop("settings", SETTINGS),
        kinds=kinds,
        belief=belief / belief.sum(),
        **rest,
    )


def random_problem(rng: np.random.Generator, *, depth: int | None = None, sequences: bool = False) -> Problem:
    """Treatments, conservative care, blocks that share a latent, a treatment that also shows something, and a rule."""
    states, levels = int(rng.integers(2, 6)), int(rng.integers(2, 4))
    share = rng.dirichlet(np.full(levels, 0.5), states)

    def effect(size: float) -> dict[int, object]:
        return {level: rng.normal(0.05, size) * rng.uniform(0.2, 1.2, 5) for level in range(levels) if rng.random() < 0.7}

    def action(name: str, kind: str, size: float) -> Action:
        return Action(
            name, kind, effect(size), cost=float(rng.choice([0, 200, 1500])), harm=float(rng.choice([0, 0.001])),
            wait=float(rng.choice([0, 1, 2.5, 6])), review=float(rng.choice([0, 1, 4, 9.5])),
            partner="care" if kind == "injection" and rng.random() < 0.4 else "",
            repeat=float(rng.choice([0, 0.7, 1.3])) if sequences else 0.0,
        )  # fmt: skip

    actions = [action(f"treatment_{i}", "injection", 0.15) for i in range(int(rng.integers(1, 4)))]
    actions += [action("care", "conservative", 0.08), action("block_0", "block", 0.0)]
    names = ["block_0"]
    if rng.random() < 0.5:
        actions.append(action("treating_block", "injection", 0.1))
        names.append("treating_block")
    if rng.random() < 0.5:
        actions.append(action("block_1", "block", 0.0))
        names.append("block_1")
    blocks = {n: Block(rng.dirichlet(np.ones(int(rng.integers(2, 4))), (2, states)), int(rng.integers(1, 3))) for n in names}
    gated, needed, gap = "treatment_0", int(rng.integers(0, 3)), float(rng.choice([0, 8]))

    def permitted(name: str, done: tuple[Done, ...], time: float) -> bool:
        if name == gated and sum((d.relief_percent or 0) >= 50 for d in done if d.procedure == "block_0") < needed:
            return False
        return all(d.weeks_ago is None or d.procedure == name or time + d.weeks_ago >= gap for d in done[-1:])

    made = problem(
        *actions,
        belief=rng.dirichlet(np.ones(states)),
        share=share,
        natural=np.sort(rng.uniform(0, 0.4, 5))[:, None] if sequences else float(rng.uniform(0, 0.4)),
        half_life=float(rng.choice([20, 80])) if sequences else np.inf,
        contextual=rng.uniform(0, 0.15, 5),
        worth=float(rng.uniform(0.02, 0.4)),
        eased={"care": float(rng.uniform(1, 2))},
        blocks=blocks,
        permitted=permitted,
        settings=replace(
            SETTINGS,
            depth=depth or int(rng.integers(1, 4)),
            horizon_weeks=float(rng.choice([40, 52, 104] if sequences else [16, 52])),
            sequences=sequences,
            willingness_to_pay=float(rng.choice([0, 3e4, 1e5])),
        ),
    )
    bounded = np.clip(made.outcomes.specific, -0.2, 0.6)
    return replace(made, outcomes=replace(made.outcomes, specific=bounded, eased=np.clip(made.outcomes.eased, -0.2, 0.6)))
