"""Published questions against enumeration of whole people: every state, latent, context and value, in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from engines.oracle import NODE_WEIGHTS, Knowledge
from helpers.rows import row
from helpers.small import network
from spinecast.errors import PriorsError
from spinecast.network.build import with_theta
from spinecast.network.questions import MEASURES, answer, block_table, compile_question, gradient


@pytest.fixture(scope="module")
def small():
    net, priors = network()
    return net, priors


@pytest.fixture(scope="module")
def knowledge(small):
    net, priors = small
    return Knowledge(priors, {p.name: float(v) for p, v in zip(net.parameters, net.theta, strict=True)})


@dataclass(frozen=True)
class Person:
    """One possible person: active (generator, level) pairs and the value of each leaf asked about."""

    state: tuple[tuple[str, str], ...]
    values: dict[str, str]

    def has(self, generator: str, *levels: str) -> bool:
        return any(g == generator and (not levels or lv in levels) for g, lv in self.state)

    def positive(self, *tests: str) -> int:
        return sum(self.values[t] in ("positive", "yes") for t in tests)


def everybody(k: Knowledge, setting: str, leaves: tuple[str, ...], pain_free: bool = False):
    """Every possible person with their probability; the leaves may be of several families and depend on contexts."""
    contexts = dict.fromkeys(by for name in leaves if (by := k.leaves[name].by))
    names = [*dict.fromkeys([*contexts, *(n for n in leaves if n in k.contexts)]), *(n for n in leaves if n in k.findings)]
    families = sorted({f for n in names if n in k.findings and (f := k.findings[n].family)})
    states = [((), 1.0)] if pain_free else list(zip(k.states, k.prior(setting), strict=True))
    for state, prior in states:
        for nodes in itertools.product(range(3), repeat=len(families)):
            node = dict(zip(families, nodes, strict=True))
            weight = prior
            for i in nodes:
                weight *= NODE_WEIGHTS[i]
            for values in itertools.product(*(k.leaves[n].values for n in names)):
                person = dict(zip(names, values, strict=True))
                p = weight
                for name, value in person.items():
                    leaf = k.leaves[name]
                    family = getattr(leaf, "family", "")
                    frailty = k.frailty(family)[node[family]] if family else 1.0
                    table = k.distribution(name, state, setting, person.get(leaf.by, ""), frailty, False)
                    p *= table[list(leaf.values).index(value)]
                yield Person(state, person), p


def brute(k: Knowledge, case: Case, measure: str) -> float:
    """The measure by adding up people."""
    a = b = c = d = 0.0
    for person, p in everybody(k, case.setting, case.leaves, case.setting == "primary_care" and case.pain_free):
        if not case.given(person):
            continue
        match case.target(person), case.test(person):
            case True, True:
                a += p
            case True, False:
                b += p
            case False, True:
                c += p
            case _:
                d += p
    sens, false = (a / (a + b) if a + b else None), (c / (c + d) if c + d else None)
    return {
        "sens": lambda: sens,
        "proportion": lambda: sens,
        "spec": lambda: d / (c + d),
        "ppv": lambda: a / (a + c),
        "npv": lambda: d / (b + d),
        "prevalence": lambda: (a + b) / (a + b + c + d),
        "lr_pos": lambda: sens / false,
        "rr": lambda: sens / false,
        "lr_neg": lambda: (1 - sens) / (1 - false),
        "or": lambda: a * d / (b * c),
        "dor": lambda: a * d / (b * c),
    }[measure]()


def always(_: Person) -> bool:
    return True


@dataclass(frozen=True)
class Case:
    """A question in the grammar, and the same as plain functions of a person."""

    leaves: tuple[str, ...]
    target: Callable[[Person], bool] = always
    test: Callable[[Person], bool] = always
    given: Callable[[Person], bool] = always
    asked: tuple[str, str, str] = ("", "", "")
    setting: str = "spine_clinic"
    measures: tuple[str, ...] = ("sens", "spec", "lr_pos", "lr_neg", "or", "ppv", "npv", "prevalence")
    pain_free: bool = False


SLR, SLUMP, THRUST = "straight_leg_raise", "slump_test", "thigh_thrust"

CASES = {
    "one test": Case(
        (SLR,),
        lambda p: p.has("radiculopathy"),
        lambda p: p.positive(SLR) == 1,
        asked=("radiculopathy", SLR, ""),
        measures=tuple(sorted(MEASURES)),
    ),
    "levels": Case(
        (SLR,),
        lambda p: p.has("radiculopathy", "L5", "S1"),
        lambda p: p.positive(SLR) == 1,
        asked=("radiculopathy in (L5, S1)", SLR, ""),
        setting="primary_care",
    ),
    "one level": Case(
        (SLR,),
        lambda p: p.has("radiculopathy", "L2_L4"),
        lambda p: p.positive(SLR) == 0,
        asked=("radiculopathy == L2_L4", f"not {SLR}", ""),
    ),
    "two of a family": Case(
        (SLR, SLUMP),
        lambda p: p.has("radiculopathy"),
        lambda p: p.positive(SLR, SLUMP) == 2,
        asked=("radiculopathy", f"{SLR} and {SLUMP}", ""),
    ),
    "a count across families": Case(
        (SLR, SLUMP, THRUST),
        lambda p: p.has("radiculopathy"),
        lambda p: p.positive(SLR, SLUMP, THRUST) >= 2,
        asked=("radiculopathy", f"count({SLR}, {SLUMP}, {THRUST}) >= 2", ""),
    ),
    "an exact count": Case(
        (SLR, SLUMP, THRUST),
        lambda p: p.has("sacroiliac_joint"),
        lambda p: p.positive(SLR, SLUMP, THRUST) == 1,
        asked=("sacroiliac_joint", f"count({SLR}, {SLUMP}, {THRUST}) == 1", ""),
    ),
    "alone": Case(
        (THRUST,),
        lambda p: p.has("sacroiliac_joint") and len(p.state) == 1,
        lambda p: p.positive(THRUST) == 1,
        asked=("alone(sacroiliac_joint)", THRUST, ""),
    ),
    "any generator": Case(
        (THRUST,),
        lambda p: len(p.state) > 0,
        lambda p: p.positive(THRUST) == 1,
        asked=("any_generator", THRUST, ""),
    ),
    "selected by another finding": Case(
        (SLR, SLUMP),
        lambda p: p.has("radiculopathy"),
        lambda p: p.positive(SLUMP) == 1,
        lambda p: p.positive(SLR) == 1,
        asked=("radiculopathy", SLUMP, SLR),
    ),
    "selected by generators": Case(
        (THRUST,),
        lambda p: p.has("sacroiliac_joint"),
        lambda p: p.positive(THRUST) == 1,
        lambda p: p.has("sacroiliac_joint") or p.has("facet_joint"),
        asked=("sacroiliac_joint", THRUST, "sacroiliac_joint or facet_joint"),
    ),
    "a grade whose leak depends on a context": Case(
        ("mri_disc_herniation",),
        lambda p: p.has("radiculopathy"),
        lambda p: p.values["mri_disc_herniation"] in ("protrusion", "extrusion"),
        asked=("radiculopathy", "mri_disc_herniation >= protrusion", ""),
    ),
    "the same in one age": Case(
        ("mri_disc_herniation",),
        lambda p: p.has("radiculopathy"),
        lambda p: p.values["mri_disc_herniation"] != "none",
        lambda p: p.values["age"] == "age_50_plus",
        asked=("radiculopathy", "mri_disc_herniation", "age >= 50"),
    ),
    "a context as the test, with one that it depends on": Case(
        ("pregnancy", "sex"),
        lambda p: p.has("sacroiliac_joint"),
        lambda p: p.values["pregnancy"] == "pregnant",
        lambda p: p.values["sex"] == "female",
        asked=("sacroiliac_joint", "pregnancy == pregnant", "sex == female"),
    ),
    "a finding that causes make rarer": Case(
        ("centralisation", "age"),
        lambda p: p.has("sacroiliac_joint"),
        lambda p: p.values["centralisation"] == "no",
        lambda p: p.values["age"] == "age_under_50",
        asked=("sacroiliac_joint", "centralisation == no", "age == age_under_50"),
        setting="primary_care",
    ),
    "relief by a block, without sedation, alone and with others": Case(
        ("medial_branch_block_1", "medial_branch_block_2"),
        lambda p: p.has("facet_joint"),
        lambda p: p.values["medial_branch_block_2"] == "relief_80",
        lambda p: p.values["medial_branch_block_1"] != "below_50",
        asked=("facet_joint", "medial_branch_block_2 >= relief_80", "medial_branch_block_1 >= relief_50"),
    ),
    "people without pain": Case(
        ("mri_disc_herniation",),
        test=lambda p: p.values["mri_disc_herniation"] != "none",
        given=lambda p: p.values["age"] == "age_50_plus",
        asked=("", "mri_disc_herniation >= bulge", "age == age_50_plus"),
        setting="primary_care",
        measures=("proportion",),
        pain_free=True,
    ),
}  # fmt: skip


def question(small, case, measure):
    net, priors = small
    target, test, given = case.asked
    setting = "pain_free" if case.pain_free else case.setting
    asked = row(target=target, test=test, given=given, setting=setting, measure=measure, value=0.5)
    return compile_question(net, asked, priors.contexts)


@pytest.mark.parametrize(("name", "measure"), [(n, m) for n, c in CASES.items() for m in c.measures])
def test_the_answer_is_that_of_adding_up_people(small, knowledge, name, measure):
    case = CASES[name]
    net, _ = small
    assert answer(net, net.theta, question(small, case, measure)) == pytest.approx(brute(knowledge, case, measure), rel=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_slopes_in_the_tables_are_those_of_a_small_step(small, name):
    """By block: moving one entry of a block's table moves the answer by its slope."""
    net, _ = small
    case = CASES[name]
    asked = question(small, case, case.measures[0])
    found = gradient(net, net.theta, asked, lambda value: value)
    assert found.value == pytest.approx(answer(net, net.theta, asked))
    for parameter in asked.leaf_parameters(net):
        if net.parameters[parameter].sd == 0:
            continue
        step = 1e-5
        up, down = (net.theta.copy() for _ in range(2))
        up[parameter] += step
        down[parameter] -= step
        slope = (answer(net, up, asked) - answer(net, down, asked)) / (2 * step)
        assert _by_tables(net, asked, found, parameter) == pytest.approx(slope, rel=1e-3, abs=1e-6)


def _by_tables(net, asked, found, parameter):
    moved = net.theta.copy()
    moved[parameter] += 1e-6
    total = 0.0
    for key, slopes in found.by_block.items():
        block = net.blocks[key]
        change = block_table(net, moved, block, asked) - block_table(net, net.theta, block, asked)
        total += float((slopes * change).sum()) / 1e-6
    return total


def test_only_the_setting_asked_about_matters(small):
    net, _ = small
    asked = question(small, CASES["one test"], "prevalence")
    k = net.settings.index("primary_care")
    moved = net.theta.copy()
    moved[net.prevalence[k]] += 1.0
    assert answer(with_theta(net, moved), moved, asked) == answer(net, net.theta, asked)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target": "radiculopthy"}, "did you mean 'radiculopathy'"),
        ({"target": "radiculopathy == L3"}, "no level 'L3'"),
        ({"target": "radiculopathy >= L5"}, "have no order"),
        ({"test": "straight_leg_rise"}, "did you mean 'straight_leg_raise'"),
        ({"test": "mri_disc_herniation >= bulging"}, "did you mean 'bulge'"),
        ({"given": "age >= 45"}, "only >= and < at a band edge"),
        ({"setting": "hospital"}, "unknown setting 'hospital'"),
        ({"measure": "md"}, "'md' is not one that the network can be asked"),
    ],
)
def test_what_cannot_be_asked_says_where_and_why(small, fields, said):
    net, priors = small
    asked = row(**{"target": "radiculopathy", "test": SLR, "value": 0.5, **fields})
    with pytest.raises(PriorsError, match=said) as refused:
        compile_question(net, asked, priors.contexts)
    assert "made.csv:2" in str(refused.value)
