"""Every engine gives the oracle's answer: all generator levels and the log evidence, to 1e-10."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import oracle, people
from engines.under_test import ENGINES, PRESENT
from spinecast.assessment.model import REGION
from spinecast.engines import exact
from spinecast.engines.batch import SMALLEST, BatchEngine, decode, encode, patterns
from spinecast.engines.pgmpy_engine import PgmpyEngine
from spinecast.errors import ImpossibleFindingsError
from spinecast.network.build import build_network, with_theta
from spinecast.network.evidence import Evidence
from spinecast.network.fitted import load, path_of
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder

WITHIN = 1e-10
SMALL = Path(__file__).parent / "small_priors"
MANY = 300


class World:
    """A network, and the oracle's knowledge with the same numbers."""

    def __init__(self, folder, jitter=None):
        self.priors = read_priors(folder)
        fit = path_of(folder, REGION)
        fitted = {}
        if fit.exists():
            found = load(fit)
            fitted = dict(zip(found.names, found.theta.tolist(), strict=True))
        self.network = build_network(self.priors, REGION, fitted=fitted)
        if jitter is not None:
            self.network = with_theta(self.network, self.network.theta + 0.5 * jitter.standard_normal(len(self.network.theta)))
        self.know()

    def know(self):
        self.numbers = {
            p.name: float(v) for p, v in zip(self.network.parameters, self.network.theta, strict=True) if p.name != "zero"
        }
        assert len(self.numbers) >= len(self.network.parameters) - 1, "two parameters share a name"
        self.knowledge = oracle.Knowledge(self.priors, self.numbers)

    def change(self, **values):
        """The same world with some parameters set; names with / in place of __."""
        names = [p.name for p in self.network.parameters]
        theta = self.network.theta.copy()
        for key, value in values.items():
            theta[names.index(key.replace("__", "/"))] = value
        self.network = with_theta(self.network, theta)
        self.know()
        return self

    def evidence(self, observed):
        return people.evidence(self.network, observed)

    def certain(self, **values):
        return oracle.Observed({k: people.certain(self.knowledge, k, v) for k, v in values.items()})


def agree(world, result, answer):
    assert (result is None) == (answer is None)
    if answer is not None:
        levels, log_evidence = result
        expected = [answer.levels[pair] for pair in world.network.space.levels]
        np.testing.assert_allclose(levels, expected, rtol=0, atol=WITHIN)
        assert log_evidence == pytest.approx(answer.log_evidence, abs=WITHIN)


@pytest.fixture(scope="module")
def small():
    # Jittered, so that no two parameters are equal by accident and a swapped pair shows.
    return World(SMALL, np.random.default_rng(1))


@pytest.fixture(scope="module")
def real():
    return World(priors_folder())


@pytest.fixture(scope="module")
def core(real):
    return oracle.core_network(real.knowledge)


@pytest.fixture(scope="module")
def enumeration(small):
    return oracle.Enumeration(small.knowledge)


def crowd(world, count, share, seed=7):
    """Coherent and incoherent people in turn, from little known to nearly all."""
    rng = np.random.default_rng(seed)
    shares = share * rng.uniform(0.4, 1.6, count)
    return [people.person(world.knowledge, rng, share=min(s, 1.0), coherent=i % 2 == 0) for i, s in enumerate(shares)]


@pytest.fixture(scope="module")
def real_crowd(real):
    return crowd(real, MANY, 0.15)


@pytest.fixture(scope="module")
def real_answers(real_crowd, core):
    return [core.answer(one) for one in real_crowd]


@pytest.fixture(scope="module")
def small_crowd(small):
    return crowd(small, MANY, 0.5)


@pytest.fixture(scope="module")
def small_answers(small_crowd, enumeration):
    return [enumeration.answer(one) for one in small_crowd]


# ── who is judged ────────────────────────────────────────────────────────────────────────────────


def test_every_engine_is_judged():
    """A new module of spinecast.engines fails here until under_test.py can ask it."""
    assert set(ENGINES) == PRESENT


def test_both_count_the_same_states_and_levels(small, real):
    for world in (small, real):
        space = world.network.space
        ours = {tuple(space.levels[i] for i in np.flatnonzero(row)) for row in space.active}
        assert {frozenset(s) for s in ours} == {frozenset(s) for s in world.knowledge.states}
        assert len(ours) == len(space)


# ── the oracles agree with each other ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", [oracle.core_network, oracle.chain_network])
def test_pyagrum_agrees_with_enumeration(form, small, small_crowd, small_answers):
    judge = form(small.knowledge)
    for observed, answer in zip(small_crowd, small_answers, strict=True):
        other = judge.answer(observed)
        agree(small, other and ([other.levels[p] for p in small.network.space.levels], other.log_evidence), answer)


# ── the engines agree with the oracles ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ENGINES)
def test_on_small_priors(engine, small, small_crowd, small_answers):
    results = ENGINES[engine](small.network, [small.evidence(one) for one in small_crowd])
    assert sum(a is None for a in small_answers) < MANY / 4
    for result, answer in zip(results, small_answers, strict=True):
        agree(small, result, answer)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "batch"])
def test_on_the_real_priors(engine, real, real_crowd, real_answers):
    results = ENGINES[engine](real.network, [real.evidence(one) for one in real_crowd])
    for result, answer in zip(results, real_answers, strict=True):
        agree(real, result, answer)


@pytest.mark.slow
def test_pgmpy_on_the_real_priors(real, core):
    """Four people: a query takes about half a second, and the log evidence is one query an observation."""
    engine = PgmpyEngine(real.network)
    for i, observed in enumerate(crowd(real, 4, 0.1)):
        answer = core.answer(observed)
        if answer is None:
            with pytest.raises(ImpossibleFindingsError):
                engine.levels(real.evidence(observed))
            continue
        expected = [answer.levels[p] for p in real.network.space.levels]
        np.testing.assert_allclose(engine.levels(real.evidence(observed)), expected, rtol=0, atol=WITHIN)
        if i == 0:
            assert engine.log_evidence(real.evidence(observed)) == pytest.approx(answer.log_evidence, abs=WITHIN)


@pytest.mark.slow
def test_on_the_real_priors_with_everything_observed(real, core):
    rng = np.random.default_rng(3)
    everybody = [people.person(real.knowledge, rng, share=1.0, soft=0.0) for _ in range(5)]
    for engine in ("exact", "batch"):
        for observed, result in zip(everybody, ENGINES[engine](real.network, [real.evidence(o) for o in everybody]), strict=True):
            agree(real, result, core.answer(observed))


# ── edges ────────────────────────────────────────────────────────────────────────────────────────


def _edges(k):
    rng = np.random.default_rng(11)
    full = people.everything(k, rng)
    all_known = {n: people.certain(k, n, full[n]) for n in k.leaves}
    findings = {n: v for n, v in all_known.items() if n in k.findings}
    setting = [float(s == full["setting"]) for s in k.settings]
    blocks = {f: v for f, v in all_known.items() if f in k.findings and k.findings[f].sedation is not None}
    return {
        "nothing": oracle.Observed(),
        "only the setting": oracle.Observed(setting=setting),
        "everything": oracle.Observed(all_known, setting, dict.fromkeys(blocks, True)),
        "everything but the setting": oracle.Observed(all_known),
        "all contexts missing": oracle.Observed(findings, setting),
        "only contexts": oracle.Observed({n: v for n, v in all_known.items() if n not in findings}),
        "every value uncertain": oracle.Observed(
            {n: rng.random(len(v)).tolist() for n, v in all_known.items()}, rng.random(len(k.settings)).tolist()
        ),
        "contexts uncertain": oracle.Observed(
            findings | {c: rng.random(len(k.contexts[c].values)).tolist() for c in k.contexts}, setting
        ),
        "likelihoods of one, which say nothing": oracle.Observed(
            {n: [1.0] * len(v) for n, v in all_known.items()}, [1.0] * len(setting)
        ),
        "likelihoods far above one": oracle.Observed({n: [5.0 + i for i, _ in enumerate(v)] for n, v in findings.items()}),
        "values ruled out": oracle.Observed({n: [1.0] * (len(v) - 1) + [0.0] for n, v in findings.items()}, setting),
        "sedation not recorded": oracle.Observed(blocks, setting),
        "sedation known": oracle.Observed(blocks, setting, {b: i % 2 == 0 for i, b in enumerate(blocks)}),
        "sedation known, block not": oracle.Observed({}, setting, dict.fromkeys(blocks, True)),
    }


EDGES = tuple(_edges(World(SMALL).knowledge))


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("engine", ENGINES)
def test_edges_on_small_priors(engine, edge, small, enumeration):
    observed = _edges(small.knowledge)[edge]
    (result,) = ENGINES[engine](small.network, [small.evidence(observed)])
    agree(small, result, enumeration.answer(observed))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "batch"])
def test_edges_on_the_real_priors(engine, real, core):
    edges = _edges(real.knowledge)
    results = ENGINES[engine](real.network, [real.evidence(one) for one in edges.values()])
    for observed, result in zip(edges.values(), results, strict=True):
        agree(real, result, core.answer(observed))


# ── parameters ───────────────────────────────────────────────────────────────────────────────────


def test_draws_give_each_draw_s_own_answer(small):
    rng = np.random.default_rng(5)
    draws = small.network.theta + 0.3 * rng.standard_normal((4, len(small.network.theta)))
    observed = people.person(small.knowledge, rng, share=0.6)
    together = exact.posterior(small.network, draws, small.evidence(observed))
    levels = exact.level_marginals(small.network, together.states)
    for i, theta in enumerate(draws):
        numbers = {p.name: float(v) for p, v in zip(small.network.parameters, theta, strict=True)}
        answer = oracle.Enumeration(oracle.Knowledge(small.priors, numbers)).answer(observed)
        agree(small, (np.array([levels[p][i] for p in small.network.space.levels]), float(together.log_evidence[i])), answer)


# ── impossible ───────────────────────────────────────────────────────────────────────────────────


def _four_generators_needed():
    """Each of four findings needs a generator of its own, and at most three can be active."""
    never = -math.inf
    return World(SMALL).change(
        findings__extension_rotation__leak__positive=never,
        findings__slump_test__leak__positive=never,
        findings__slump_test__nociplastic__positive=never,
        findings__thigh_thrust__leak__positive=never,
        findings__thigh_thrust__nociplastic__positive=never,
        findings__thigh_thrust__radiculopathy__positive=never,
    )


FOUR = {"extension_rotation": "positive", "slump_test": "positive", "thigh_thrust": "positive", "scar": "positive"}


@pytest.mark.parametrize("engine", ENGINES)
def test_four_generators_cannot_be_active(engine):
    world = _four_generators_needed()
    enumeration = oracle.Enumeration(world.knowledge)
    observed = [
        world.certain(**FOUR, sex="male"),
        *(world.certain(**{k: v for k, v in FOUR.items() if k != out}) for out in FOUR),
    ]
    results = ENGINES[engine](world.network, [world.evidence(one) for one in observed])
    assert results[0] is None
    for one, result in zip(observed, results, strict=True):
        agree(world, result, enumeration.answer(one))


@pytest.mark.parametrize(
    ("values", "conflict"),
    [
        (FOUR | {"sex": "female", "centralisation": "yes"}, set(FOUR)),
        ({"sex": "male", "pregnancy": "pregnant", "scar": "positive", "age": "age_50_plus"}, {"sex", "pregnancy"}),
    ],
)
def test_the_error_names_an_irreducible_conflict(values, conflict):
    world = _four_generators_needed()
    enumeration = oracle.Enumeration(world.knowledge)
    with pytest.raises(ImpossibleFindingsError) as caught:
        exact.posterior(world.network, world.network.theta, world.evidence(world.certain(**values)))
    found = caught.value.conflict
    assert set(found) == conflict
    assert enumeration.answer(world.certain(**{k: values[k] for k in found})) is None
    for left_out in found:
        assert enumeration.answer(world.certain(**{k: values[k] for k in found if k != left_out})) is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_a_likelihood_of_zeros_is_impossible(engine, small):
    nothing_fits = oracle.Observed({"slump_test": [0.0, 0.0], "sex": people.certain(small.knowledge, "sex", "male")})
    assert ENGINES[engine](small.network, [small.evidence(nothing_fits)]) == [None]


def test_pgmpy_names_the_conflict_too():
    world = _four_generators_needed()
    with pytest.raises(ImpossibleFindingsError, match="scar"):
        PgmpyEngine(world.network).levels(world.evidence(world.certain(**FOUR)))


# ── counted tests ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("positive", [0, 1, 2])
@pytest.mark.parametrize("others", [{}, {"thigh_thrust": "positive", "age": "age_50_plus"}])
@pytest.mark.parametrize("recorded", [None, [0.2, 0.7]])
def test_so_many_positive_is_the_sum_over_patterns(positive, others, recorded, small, enumeration):
    """Also where one of the counted tests was recorded, with some doubt."""
    tests = ("straight_leg_raise", "slump_test")
    fixed = small.certain(**others)
    if recorded is not None:
        fixed = replace(fixed, likelihood={**fixed.likelihood, "slump_test": recorded})
    answers = []
    for pattern in oracle.patterns(tests, positive):
        if recorded is not None:
            pattern["slump_test"] = [a * b for a, b in zip(pattern["slump_test"], recorded, strict=True)]
        answers.append(enumeration.answer(replace(fixed, likelihood={**fixed.likelihood, **pattern})))
    total = math.fsum(math.exp(a.log_evidence) for a in answers)
    levels = {p: math.fsum(math.exp(a.log_evidence) * a.levels[p] for a in answers) / total for p in small.knowledge.levels}
    counted = replace(small.evidence(fixed), counts={"neural_tension": (tests, positive)})
    posterior = exact.posterior(small.network, small.network.theta, counted)
    ours = exact.level_marginals(small.network, posterior.states)
    agree(
        small,
        (np.array([ours[p] for p in small.network.space.levels]), float(posterior.log_evidence)),
        oracle.Answer(levels, math.log(total)),
    )


@pytest.mark.parametrize("ask", [lambda n, e: encode(n, [e]), lambda n, e: PgmpyEngine(n).levels(e)])
def test_counted_tests_are_refused_where_they_cannot_be_scored(ask, small):
    with pytest.raises(ValueError, match="counted"):
        ask(small.network, Evidence(counts={"neural_tension": (("straight_leg_raise", "slump_test"), 1)}))


# ── the batch ────────────────────────────────────────────────────────────────────────────────────


def test_the_batch_equals_one_by_one_in_any_company(small, small_crowd):
    engine = BatchEngine(small.network)
    everybody = [small.evidence(one) for one in small_crowd]
    together = engine.score(encode(small.network, everybody))
    order = np.random.default_rng(2).permutation(len(everybody))
    shuffled = engine.score(encode(small.network, [everybody[i] for i in order]))
    np.testing.assert_allclose(shuffled.levels, together.levels[order], rtol=0, atol=1e-14)
    for n in range(0, len(everybody), 7):
        alone = engine.score(encode(small.network, [everybody[n]]))
        np.testing.assert_allclose(alone.levels[0], together.levels[n], rtol=0, atol=1e-14)


def test_few_people_alone_are_many_together_and_the_exact_engine(real):
    """Few people without soft values take another way through the same tables."""
    rng = np.random.default_rng(17)
    crowd_ = [people.person(real.knowledge, rng, share=rng.uniform(0.05, 0.4), soft=0.0, coherent=i % 2 == 0) for i in range(24)]
    everybody = [replace(real.evidence(one), setting=None if i % 3 == 0 else np.eye(4)[i % 4]) for i, one in enumerate(crowd_)]
    engine = BatchEngine(real.network)
    together = engine.score(encode(real.network, everybody))
    for n, one in enumerate(everybody):
        alone, states = engine.score(encode(real.network, [one])), exact.posterior(real.network, real.network.theta, one)
        np.testing.assert_allclose(alone.levels[0], together.levels[n], rtol=0, atol=1e-13)
        np.testing.assert_allclose(alone.levels[0], states.states @ real.network.space.active, rtol=0, atol=1e-12)
        assert alone.log_evidence[0] == pytest.approx(float(states.log_evidence), abs=1e-11)


def test_patterns_whose_marks_meet_are_told_apart(small, small_crowd, monkeypatch):
    """Equal patterns are found by a sum of scrambled numbers; were all sums equal, nothing would be shared."""
    everybody = encode(small.network, [small.evidence(one) for one in small_crowd])
    expected = BatchEngine(small.network).score(everybody)
    monkeypatch.setattr(patterns, "_scrambled", lambda numbers: np.zeros(len(numbers), dtype=np.uint64))
    found = BatchEngine(small.network).score(everybody)
    np.testing.assert_allclose(found.levels, expected.levels, rtol=0, atol=1e-14)


def test_coding_loses_nothing(small, small_crowd):
    everybody = [small.evidence(one) for one in small_crowd]
    coded = encode(small.network, everybody)
    engine = BatchEngine(small.network)
    again = engine.score(encode(small.network, [decode(small.network, coded, n) for n in range(len(everybody))]))
    np.testing.assert_allclose(again.levels, engine.score(coded).levels, rtol=0, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_tiny_likelihoods_do_not_underflow(engine, small, enumeration):
    """Only ratios of a likelihood matter: three of about 1e-200 are 1e-600 together."""
    observed = small.certain(slump_test="positive", thigh_thrust="positive", extension_rotation="negative", sex="female")
    tiny = replace(observed, likelihood={k: [1e-200 * (x + 0.25) for x in v] for k, v in observed.likelihood.items()})
    plain = replace(observed, likelihood={k: [x + 0.25 for x in v] for k, v in observed.likelihood.items()})
    (result,) = ENGINES[engine](small.network, [small.evidence(tiny)])
    answer = enumeration.answer(plain)
    agree(small, result, replace(answer, log_evidence=answer.log_evidence - 200 * len(tiny.likelihood) * math.log(10)))


def test_improbable_findings_take_the_log_domain():
    """Two findings of probability near 1e-145: the batch hands the person on."""
    world = World(SMALL)
    strengths = [n for n in world.numbers if n.startswith(("findings/thigh_thrust/", "findings/scar/"))]
    world.change(**{name.replace("/", "__"): -330.0 - i for i, name in enumerate(strengths)})
    observed = world.certain(thigh_thrust="positive", scar="positive")
    (many,), (one,) = (ENGINES[engine](world.network, [world.evidence(observed)]) for engine in ("batch", "exact"))
    assert one[1] < math.log(SMALLEST)  # the oracle's 1 - (1 - p) is zero here, so the engines judge each other
    np.testing.assert_allclose(many[0], one[0], rtol=0, atol=WITHIN)
    assert many[1] == pytest.approx(one[1], abs=WITHIN)


def test_a_person_with_very_many_uncertain_values_is_scored(real):
    """2 ** 40 hard copies would not fit anywhere."""
    rng = np.random.default_rng(9)
    chosen = list(real.network.leaves)[:40]
    uncertain = Evidence({name: rng.random(len(real.network.leaves[name].values)) for name in chosen})
    many = BatchEngine(real.network).score(encode(real.network, [uncertain]))
    one = exact.posterior(real.network, real.network.theta, uncertain)
    np.testing.assert_allclose(many.levels[0], one.states @ real.network.space.active, rtol=0, atol=WITHIN)
