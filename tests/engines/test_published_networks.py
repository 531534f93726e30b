"""Published networks that fit the model's form come out as published.

asia: Lauritzen SL, Spiegelhalter DJ. J R Stat Soc B 1988;50:157-224. cancer: Korb KB, Nicholson AE. Bayesian
Artificial Intelligence, 2nd ed., 2010, section 2.2. Both are read from the BIF files inside pgmpy.
quickscore: Heckerman D. A tractable inference algorithm for diagnosing multiple diseases. UAI 1989, equation for
positive findings by inclusion and exclusion, on a two-level noisy-OR network.

What is a parent of the causes there (a visit to Asia, smoking, pollution) is a setting here.
"""

from __future__ import annotations

import gzip
import itertools
import math
from pathlib import Path

import numpy as np
import pgmpy
import pytest
from pgmpy.inference import VariableElimination
from pgmpy.readwrite import BIFReader

from engines.under_test import ENGINES
from spinecast.network.build import build_network
from spinecast.network.evidence import Evidence, one_hot
from spinecast.priors.records import Cause, Finding, Generator, Priors, Quantity, Setting

MODELS = Path(pgmpy.__file__).parent / "utils" / "example_models"
WITHIN = 1e-10


def published(name):
    """A network that pgmpy carries, opened by path."""
    with gzip.open(MODELS / f"{name}.bif.gz", "rt", encoding="utf-8") as handle:
        return BIFReader(string=handle.read()).get_model()


def quantity(p):
    return Quantity(assumed=p, like_n=20, why="as published")


def cause(generator, strength, with_others=None):
    others = {} if with_others is None else {"yes": quantity(with_others)}
    return Cause(generator, (), {"yes": quantity(strength)}, others)


def finding(name, leak, *causes):
    return Finding(
        id=name, label=name, region="lumbosacral", kind="symptom", description="", form="noisy_or", values=("no", "yes"),
        leak={"": {"yes": quantity(leak)}}, causes=causes,
    )  # fmt: skip


def setting(name, weight, prevalence):
    return Setting(name, name, "", quantity(weight), prevalence, {"second": quantity(1.0), "third": quantity(1.0)})


def network(generators, findings, settings, max_active=3):
    nothing = {}
    priors = Priors(
        folder=Path(), rows=nothing, generators={g.id: g for g in generators}, findings={f.id: f for f in findings},
        contexts=nothing, inputs=nothing, settings={s.id: s for s in settings}, natural_course=nothing, dependencies=nothing,
        procedures=nothing, rules=nothing, economics=nothing, content_hash="",
    )  # fmt: skip
    return build_network(priors, max_active=max_active)


def excess(total, leak):
    """Strength of a cause that takes a leak to a total, in a noisy-OR."""
    return 1 - (1 - total) / (1 - leak)


def observed(net, values, known=None):
    return Evidence({name: one_hot(net, name, value) for name, value in values.items()}, known)


@pytest.mark.parametrize("engine", ENGINES)
def test_cancer(engine):
    model = published("cancer")
    cpd = model.get_cpds("Cancer")
    parents = list(itertools.product(("low", "high"), ("True", "False")))
    share = {
        pair: model.get_cpds("Pollution").get_value(Pollution=pair[0]) * model.get_cpds("Smoker").get_value(Smoker=pair[1])
        for pair in parents
    }
    net = network(
        [Generator("cancer", "", "lumbosacral", "")],
        [
            finding("xray", 0.2, cause("cancer", excess(0.9, 0.2))),
            finding("dyspnoea", 0.3, cause("cancer", excess(0.65, 0.3))),
        ],
        [
            setting(
                "_".join(pair),
                share[pair],
                {"cancer": {"": quantity(cpd.get_value(Cancer="True", Pollution=pair[0], Smoker=pair[1]))}},
            )
            for pair in parents
        ],
    )
    reference = VariableElimination(model)
    words = {"xray": ("Xray", {"yes": "positive", "no": "negative"}), "dyspnoea": ("Dyspnoea", {"yes": "True", "no": "False"})}
    for smoker, xray, dyspnoea in itertools.product((None, "True", "False"), (None, "no", "yes"), (None, "no", "yes")):
        values = {k: v for k, v in {"xray": xray, "dyspnoea": dyspnoea}.items() if v}
        known = None if smoker is None else np.array([float(pair[1] == smoker) for pair in parents])
        theirs = {words[k][0]: words[k][1][v] for k, v in values.items()} | ({"Smoker": smoker} if smoker else {})
        expected = reference.query(["Cancer"], evidence=theirs, show_progress=False).get_value(Cancer="True")
        ((levels, _),) = ENGINES[engine](net, [observed(net, values, known)])
        assert levels[0] == pytest.approx(expected, abs=WITHIN)


@pytest.mark.parametrize("engine", ENGINES)
def test_asia(engine):
    """Tuberculosis, cancer and both are three levels of one generator, whose effect is the same ("either").

    Dyspnoea is no noisy-OR of its two causes (0.9, not 0.93, with both), so its causes have strengths for when they
    are together, as block findings do here.
    """
    model = published("asia")
    parents = list(itertools.product(("yes", "no"), ("yes", "no")))

    def prevalence(asia, smoke):
        tub, lung, bronc = (
            model.get_cpds(name).get_value(**{name: "yes", parent: value})
            for name, parent, value in (("tub", "asia", asia), ("lung", "smoke", smoke), ("bronc", "smoke", smoke))
        )
        lesion = {"tub": tub * (1 - lung), "lung": lung * (1 - tub), "both": tub * lung}
        return {"lesion": {k: quantity(v) for k, v in lesion.items()}, "bronc": {"": quantity(bronc)}}

    share = {a: model.get_cpds("asia").get_value(asia=a) * model.get_cpds("smoke").get_value(smoke="yes") for a in ("yes", "no")}
    net = network(
        [Generator("bronc", "", "lumbosacral", ""), Generator("lesion", "", "lumbosacral", "", levels=("tub", "lung", "both"))],
        [
            finding("xray", 0.05, cause("lesion", excess(0.98, 0.05))),
            finding("dysp", 0.1, cause("lesion", excess(0.7, 0.1), excess(0.9, 0.1)), cause("bronc", excess(0.8, 0.1), 0.0)),
        ],
        [setting(f"asia_{a}_smoke_{s}", share[a], prevalence(a, s)) for a, s in parents],
    )
    reference = VariableElimination(model)
    place = {pair: i for i, pair in enumerate(net.space.levels)}
    some = (None, "no", "yes")
    for asia, smoke, xray, dysp in itertools.product(some, some, some, some):
        values = {k: v for k, v in {"xray": xray, "dysp": dysp}.items() if v}
        known = None if asia is smoke is None else np.array([float((asia or a) == a and (smoke or s) == s) for a, s in parents])
        theirs = {k: v for k, v in {"asia": asia, "smoke": smoke, **values}.items() if v}
        expected = reference.query(["tub", "lung", "bronc"], evidence=theirs, joint=False, show_progress=False)
        ((levels, _),) = ENGINES[engine](net, [observed(net, values, known)])
        ours = {
            "tub": levels[place["lesion", "tub"]] + levels[place["lesion", "both"]],
            "lung": levels[place["lesion", "lung"]] + levels[place["lesion", "both"]],
            "bronc": levels[place["bronc", ""]],
        }
        for name, value in ours.items():
            assert value == pytest.approx(expected[name].get_value(**{name: "yes"}), abs=WITHIN), (name, theirs)


def quickscore(prior, strength, leak, positive, negative):
    """P(disease, findings) of every disease, and P(findings): Heckerman's sum over subsets of the positive findings."""

    def probability(only=None):
        total = 0.0
        for size in range(len(positive) + 1):
            for subset in itertools.combinations(positive, size):
                absent = [*subset, *negative]
                term = (-1.0) ** size * math.prod(1 - leak[f] for f in absent)
                for d, p in enumerate(prior):
                    present = p * math.prod(1 - strength[d, f] for f in absent)
                    term *= present if d == only else present + 1 - p
                total += term
        return total

    evidence = probability()
    return np.array([probability(d) / evidence for d in range(len(prior))]), evidence


@pytest.mark.parametrize("engine", ENGINES)
def test_quickscore(engine, rng):
    """Six independent diseases, nine findings, any number of diseases at once."""
    diseases, count = 6, 9
    prior, leak = rng.uniform(0.02, 0.4, diseases), rng.uniform(0.01, 0.3, count)
    strength = rng.uniform(0.1, 0.95, (diseases, count)) * (rng.random((diseases, count)) < 0.5)
    strength[rng.integers(diseases, size=count), np.arange(count)] = 0.6
    net = network(
        [Generator(f"d{d}", "", "lumbosacral", "") for d in range(diseases)],
        [
            finding(f"f{f}", leak[f], *(cause(f"d{d}", strength[d, f]) for d in range(diseases) if strength[d, f] > 0))
            for f in range(count)
        ],
        [setting("clinic", 1.0, {f"d{d}": {"": quantity(prior[d])} for d in range(diseases)})],
        max_active=diseases,
    )
    for _ in range(20):
        seen = [f for f in range(count) if rng.random() < 0.8]
        positive = [f for f in seen if rng.random() < 0.5]
        negative = [f for f in seen if f not in positive]
        expected, evidence = quickscore(prior, strength, leak, positive, negative)
        values = {f"f{f}": "yes" if f in positive else "no" for f in seen}
        ((levels, log_evidence),) = ENGINES[engine](net, [observed(net, values)])
        np.testing.assert_allclose(levels, expected, rtol=0, atol=1e-9)  # alternating sums lose digits in the paper's form
        assert log_evidence == pytest.approx(math.log(evidence), abs=1e-9)
