"""Small decision problems made of arrays, and the plan search written a second time, plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from spinecast.decision.outcomes import Outcomes, relief_weights
from spinecast.decision.plan import Planner, Seen
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
        return {
            name: 0.0 if kind == "waiting" else self._begin(name, self.belief, 0.0, (), (), (), False, False, self.settings.depth)
            for name, kind in zip(self.outcomes.actions, self.kinds, strict=True)
        }

    def _begin(self, name, belief, time, used, seen, done, cared, relieved, depth):
        o, s = self.outcomes, self.settings
        a = o.actions.index(name)
        start = time + o.wait[a]
        weights = relief_weights(start, s.horizon_weeks, s.discount)
        off = (1 + s.discount) ** (-start / 52)
        treats = self.kinds[a] not in ("block", "test", "waiting")
        value, relief = 0.0, np.zeros(len(belief))
        for state, p in enumerate(belief):
            curve, active = np.zeros(5), np.zeros(5)
            for level, share in enumerate(o.share[state]):
                context = o.contextual[0] * (1 - o.natural[0, :, level]) if o.cared[a] else np.zeros(5)
                curve += share * (o.eased if relieved else o.specific)[0, a, :, level]
                curve += share * (context + o.partner_effect[0, a, :, level]) * (not cared)
                active += share * (o.natural[0, :, level] + context + o.specific[0, a, :, level])
            relief[state] = np.clip(np.interp(o.review[a], (0, *WEEKS), (0, *active)), 0, 1)
            qaly = weights @ curve / 52 * o.worth[0] - o.harm[0, a] * off
            value += p * (s.willingness_to_pay * qaly - (o.cost[0, a] + o.partner_cost[0, a] * (not cared)) * off)
        if depth <= 0 or relieved:
            return value
        look = self.observe(name, seen)
        shown = [(None, np.ones(len(belief)))] if look is None else list(zip(*look, strict=True))
        for one, likelihood in shown:
            percent = None if one is None else one.relief_percent
            ends = [(relief, True), (1 - relief, False)] if treats else [(np.ones(len(belief)), False)]
            for chance, good in ends:
                joint = belief * likelihood * chance
                if joint.sum() == 0:
                    continue
                kept = 50.0 * good if treats and percent is None else percent
                after = (
                    joint / joint.sum(), start + o.review[a], (*used, name, *([o.partner[a]] if o.partner[a] and not cared else [])), seen if one is None else (*seen, one),
                    (*done, Done(name, -start, kept)), cared or bool(o.cared[a]), good, depth - 1,
                )  # fmt: skip
                value += joint.sum() * self._continue(*after)
        return value

    def _continue(self, belief, time, used, seen, done, cared, relieved, depth):
        best = 0.0
        for a, name in enumerate(self.outcomes.actions):
            kind = self.kinds[a]
            treats = kind not in ("block", "test", "waiting")
            new = (treats and name not in used) or self.observe(name, seen) is not None
            start = time + self.outcomes.wait[a]
            if kind == "waiting" or not new or start >= self.settings.horizon_weeks or not self.permitted(name, done, start):
                continue
            if (relieved and kind != "conservative") or (depth <= 0 and not treats):
                continue
            best = max(best, self._begin(name, belief, time, used, seen, done, cared, relieved, depth))
        return best


def problem(
    *actions: Action,
    belief,
    share=None,
    natural=0.2,
    contextual=0.0,
    worth=0.15,
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

    return Problem(
        outcomes=Outcomes(
            actions=tuple(action.name for action in actions),
            share=share,
            natural=np.full((d, 5, levels), natural, dtype=float),
            contextual=np.broadcast_to(np.asarray(contextual, dtype=float), (d, 5)).copy(),
            specific=specific,
            eased=specific * scale[None, :, None, None],
            cared=np.array([k not in ("test", "block", "waiting") for k in kinds]),
            partner=tuple(action.partner for action in actions),
            partner_effect=np.stack([partner_of(action) for action in actions], axis=1),
            partner_cost=np.tile([float(by_name[action.partner].cost) if action.partner else 0.0 for action in actions], (d, 1)),
            cost=column("cost"),
            harm=column("harm"),
            serious=np.zeros((d, len(actions))),
            wait=column("wait")[0],
            review=column("review")[0],
            worth=np.full(d, worth),
        ),
        settings=rest.pop("settings", SETTINGS),
        kinds=kinds,
        belief=belief / belief.sum(),
        **rest,
    )


def random_problem(rng: np.random.Generator, *, depth: int | None = None) -> Problem:
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
        natural=float(rng.uniform(0, 0.4)),
        contextual=rng.uniform(0, 0.15, 5),
        worth=float(rng.uniform(0.02, 0.4)),
        eased={"care": float(rng.uniform(1, 2))},
        blocks=blocks,
        permitted=permitted,
        settings=replace(
            SETTINGS,
            depth=depth or int(rng.integers(1, 4)),
            horizon_weeks=float(rng.choice([16, 52])),
            willingness_to_pay=float(rng.choice([0, 3e4, 1e5])),
        ),
    )
    bounded = np.clip(made.outcomes.specific, -0.2, 0.6)
    return replace(made, outcomes=replace(made.outcomes, specific=bounded, eased=np.clip(made.outcomes.eased, -0.2, 0.6)))
