"""The fit on small priors: the same every time, honest about what it may move, its slopes those of a small step."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import copied, network, replaced, with_rows
from spinecast.analysis import fit_problem, fitting, leave_out
from spinecast.analysis.fit_command import evidence_share, fit_priors
from spinecast.analysis.targets import targets
from spinecast.assessment.model import load_model
from spinecast.network.build import build_network
from spinecast.network.fitted import load, path_of
from spinecast.network.questions import answer
from spinecast.priors.reader import read_priors

POOLED = ('positive = { assumed = 0.7, like_n = 20, why = "made up for the tests" }', 'positive = { rows = ["thrust-pool"] }')
SACRAL = {"target": "sacroiliac_joint", "test": "thigh_thrust", "measure": "sens", "n": 200}
MORE_ROWS = (
    {"id": "thrust-sens", **SACRAL, "value": 0.9},
    {"id": "thrust-or", **SACRAL, "measure": "or", "value": 12},
    {"id": "facets-prev", "target": "facet_joint", "measure": "prevalence", "value": 0.5, "n": 400},
    {"id": "pregnant-or", "target": "sacroiliac_joint", "test": "pregnancy == pregnant", "given": "sex == female", "measure": "or",
     "value": 3, "n": 150},
    {"id": "root-given", "target": "radiculopathy in (L5, S1)", "test": "slump_test", "given": "straight_leg_raise", "measure": "ppv",
     "value": 0.8, "n": 90},
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return copied(tmp_path)


def problem_of(folder):
    net, priors = network(folder)
    return fit_problem.compile_problem(net, priors, [t for t in targets(net, priors) if t.fitted]), priors


def fitted(folder):
    problem, _ = problem_of(folder)
    return problem, fitting.fit(problem, problem.network.theta)


def moved(problem, fit):
    """Names of the parameters that the fit moved."""
    pairs = zip(problem.network.parameters, problem.network.theta, fit.theta, strict=True)
    return {p.name for p, before, after in pairs if before != after and abs(after - before) > 1e-9}


class TestCommand:
    def test_two_runs_give_the_same_bytes(self, tmp_path):
        found = []
        for name in ("one", "two"):
            folder = copied(tmp_path / name)
            fit_priors(folder)
            found.append({p.name: p.read_bytes() for p in sorted((folder / "fitted").iterdir())})
        assert found[0] == found[1]
        assert set(found[0]) == {"knowledge.json", "lumbosacral.jacobian.npz", "lumbosacral.npz"}

    def test_a_second_fit_does_not_start_from_the_first(self, folder):
        fit_priors(folder)
        first = path_of(folder, "lumbosacral").read_bytes()
        fit_priors(folder)
        assert path_of(folder, "lumbosacral").read_bytes() == first

    def test_it_is_written_with_the_hash_of_what_it_was_fitted_to(self, folder):
        report = fit_priors(folder)
        assert load(report.path).priors_hash == report.priors_hash == read_priors(folder).network_hash
        assert not load_model(folder).stale

    @pytest.mark.parametrize(
        ("file", "old", "new"),
        [
            ("findings/thigh_thrust.toml", "0.25", "0.26"),
            ("settings/primary_care.toml", "0.15", "0.16"),
            ("evidence/small.csv", "sens,0.6", "sens,0.61"),
        ],
    )
    def test_the_hash_changes_with_the_priors(self, folder, file, old, new):
        before = fit_priors(folder).priors_hash
        replaced(folder, file, old, new)
        assert fit_priors(folder).priors_hash != before

    def test_a_change_after_the_fit_makes_it_stale(self, folder):
        fit_priors(folder)
        replaced(folder, "findings/thigh_thrust.toml", "0.25", "0.26")
        assert load_model(folder).stale

    @pytest.mark.parametrize(
        ("file", "old", "new"),
        [
            ("findings/thigh_thrust.toml", "made up for the tests", "made up, for the tests"),
            ("findings/thigh_thrust.toml", 'description = "d"', 'description = "the thigh is pushed"'),
        ],
    )
    def test_better_words_do_not(self, folder, file, old, new):
        fit_priors(folder)
        replaced(folder, file, old, new)
        assert not load_model(folder).stale

    def test_nor_does_a_row_that_nothing_uses(self, folder):
        fit_priors(folder)
        with_rows(folder, {"id": "kept", **SACRAL, "value": 0.4, "use": "background"})
        assert not load_model(folder).stale

    def test_the_report_counts(self, folder):
        problem, _ = problem_of(folder)
        report = fit_priors(folder)
        assert (report.targets, report.free_parameters) == (len(problem.targets), len(problem.moves.lead))
        assert 0 <= report.root_mean_square < 1


class TestWhatMoves:
    def test_questions_are_answered_better_than_by_the_defaults(self, folder):
        problem, fit = fitted(with_rows(folder, *MORE_ROWS))
        start = fitting.target_residuals(problem, problem.network.theta)
        assert np.abs(fit.residuals).max() < np.abs(start).max() / 2
        assert (fit.residuals**2).sum() < (start**2).sum() / 10

    def test_numbers_that_no_row_is_about_stay_as_declared(self, folder):
        problem, fit = fitted(with_rows(folder, MORE_ROWS[0]))
        names = moved(problem, fit)
        assert "findings/thigh_thrust/sacroiliac_joint/positive" in names
        assert {n for n in names if n.startswith("findings/extension_rotation/")} == set()
        assert "findings/straight_leg_raise/nociplastic/positive" not in names

    def test_other_causes_of_a_finding_that_is_asked_about_move_together(self, folder):
        """One author judged them: the row says how far all of them were off, in their own spreads, not which."""
        problem, fit = fitted(with_rows(folder, {**MORE_ROWS[0], "id": "thrust-spec", "measure": "spec", "value": 0.4}))
        parameters = problem.network.parameters
        together = [
            i for i, p in enumerate(parameters)
            if p.name.startswith("findings/thigh_thrust/") and i not in set(problem.free.tolist()) and p.sd > 0
        ]  # fmt: skip
        assert len(together) > 1
        shifts = [(fit.theta[i] - problem.network.theta[i]) / parameters[i].sd for i in together]
        assert shifts[0] > 0.1
        assert shifts == pytest.approx([shifts[0]] * len(shifts))

    def test_a_number_that_cites_rows_is_free(self, folder):
        problem, _ = problem_of(folder)
        free = {problem.network.parameters[i].name for i in problem.free}
        assert "findings/mri_disc_herniation/leak/age_50_plus/bulge" in free
        assert "findings/thigh_thrust/leak/positive" not in free

    def test_structural_zeros_stay(self, folder):
        rows = {"id": "scar-sens", "target": "epidural_fibrosis", "test": "scar", "measure": "spec", "value": 0.8, "n": 50}
        problem, fit = fitted(with_rows(folder, rows))
        assert "findings/scar/leak/positive" not in moved(problem, fit)

    def test_prevalence_moves_with_rows_that_count_generators_only(self, folder):
        """An accuracy study with few sick people does not make the disease rarer."""
        problem, fit = fitted(with_rows(folder, *[r for r in MORE_ROWS if r["measure"] != "prevalence"]))
        for k in range(len(problem.network.settings)):
            before, after = (marginals(problem.network, theta, k) for theta in (problem.network.theta, fit.theta))
            assert after == pytest.approx(before, rel=1e-3)

    def test_nor_with_people_who_were_sent_on_for_what_was_found(self, folder):
        """Of those worked up on concern many have it; that does not make it common among all who present."""
        sent = {"target": "radiculopathy", "given": "slump_test", "measure": "prevalence", "value": 0.95, "n": 400}
        problem, fit = fitted(with_rows(folder, {"id": "sent-on", **sent}))
        for k in range(len(problem.network.settings)):
            before, after = (marginals(problem.network, theta, k) for theta in (problem.network.theta, fit.theta))
            assert after == pytest.approx(before, rel=1e-3)

    def test_people_chosen_by_who_they_are_count(self, folder):
        old = {"target": "facet_joint", "given": "age >= 50", "measure": "prevalence", "value": 0.6, "n": 400}
        problem, fit = fitted(with_rows(folder, {"id": "old-facets", **old}))
        net = problem.network
        clinic, facets = net.settings.index("spine_clinic"), net.space.levels.index(("facet_joint", ""))
        assert marginals(net, fit.theta, clinic)[facets] > marginals(net, net.theta, clinic)[facets] + 0.03

    def test_and_with_those_it_does(self, folder):
        problem, fit = fitted(with_rows(folder, MORE_ROWS[2]))
        net = problem.network
        facets = net.space.levels.index(("facet_joint", ""))
        clinic, care = (net.settings.index(s) for s in ("spine_clinic", "primary_care"))
        stated, found = (marginals(net, theta, clinic)[facets] for theta in (net.theta, fit.theta))
        assert stated + 0.05 < found < 0.5
        assert marginals(net, fit.theta, care)[facets] == pytest.approx(marginals(net, net.theta, care)[facets], rel=1e-3)

    def test_a_declared_number_that_is_worth_more_moves_less(self, tmp_path):
        found = []
        for name, like_n in (("few", 5), ("many", 500)):
            folder = with_rows(copied(tmp_path / name), MORE_ROWS[0])
            replaced(folder, "findings/thigh_thrust.toml", "0.7, like_n = 20", f"0.7, like_n = {like_n}")
            problem, fit = fitted(folder)
            found.append(answer(problem.network, fit.theta, problem.targets[-1].question))
        assert abs(found[0] - 0.9) < abs(found[1] - 0.9)


def marginals(net, theta, setting):
    return np.exp(net.log_prior(theta, setting)) @ net.space.active


class TestSlopes:
    """Forward differences of the whole answer, question by question, against the slopes that the fit uses."""

    @pytest.fixture
    def problem(self, folder):
        return problem_of(with_rows(folder, *MORE_ROWS))[0]

    def test_of_every_table(self, problem):
        theta = problem.network.theta
        jacobian = fitting._jacobian(problem, theta)
        weights = set(fit_problem.state_weights(problem.network))
        for j, parameter in enumerate(problem.free):
            slopes = numeric(problem, theta, parameter)
            if parameter in weights:
                counted = np.array([fit_problem.informs_prevalence(problem.network, t) for t in problem.targets])
                assert (jacobian[~counted, j] == 0).all()
                assert jacobian[counted, j] == pytest.approx(slopes[counted], rel=1e-3, abs=1e-3)
            else:
                assert jacobian[:, j] == pytest.approx(slopes, rel=2e-3, abs=2e-3), problem.network.parameters[parameter].name

    def test_of_the_marginals(self, problem):
        net, theta = problem.network, problem.network.theta
        for setting, indices, centre, sd in problem.prevalence:
            _, slope = fitting._marginals(net, theta, setting, centre, sd)
            for j, parameter in enumerate(indices):
                up, down = (shifted(theta, parameter, step) for step in (1e-5, -1e-5))
                change = [fitting._marginals(net, t, setting, centre, sd)[0] for t in (up, down)]
                assert slope[:, j] == pytest.approx((change[0] - change[1]) / 2e-5, rel=1e-4, abs=1e-6)

    def test_nothing_is_left_to_gain(self, problem):
        """At the optimum of one module every slope of the cost is small beside its curvature."""
        tables = fit_problem.part(problem, prevalence=False)
        theta, _ = fitting.solve(tables, problem.network.theta)
        _, residuals = fitting._cost(tables, theta)
        gradient, curvature = fitting._normal_equations(tables, theta, fitting._jacobian(tables, theta), residuals)
        assert np.abs(np.linalg.solve(curvature, gradient)).max() < 0.05


def shifted(theta, parameter, step):
    made = theta.copy()
    made[parameter] += step
    return made


def numeric(problem, theta, parameter, step=1e-5):
    up, down = (fitting.target_residuals(problem, shifted(theta, parameter, s)) for s in (step, -step))
    return (up - down) / (2 * step)


class TestUncertainty:
    @pytest.fixture
    def solved(self, folder):
        return fitted(with_rows(folder, *MORE_ROWS))

    def test_the_covariance_is_one(self, solved):
        _, fit = solved
        assert fit.covariance == pytest.approx(fit.covariance.T)
        assert np.linalg.eigvalsh(fit.covariance).min() > -1e-9

    def test_rows_narrow_and_nothing_widens(self, solved):
        problem, fit = solved
        sd = fit.spread
        for i in problem.moves.parameter:
            declared = problem.network.parameters[i].sd
            assert sd[i] <= declared + 1e-9, problem.network.parameters[i].name
        asked = next(
            i for i, p in enumerate(problem.network.parameters) if p.name == "findings/thigh_thrust/sacroiliac_joint/positive"
        )
        assert sd[asked] < 0.7 * problem.network.parameters[asked].sd

    def test_what_no_row_touches_keeps_its_declared_spread(self, solved):
        problem, fit = solved
        untouched = np.setdiff1d(np.arange(len(problem.network.parameters)), problem.moves.parameter)
        declared = np.array([problem.network.parameters[i].sd for i in untouched])
        finite = np.isfinite(declared)
        assert fit.spread[untouched[finite]] == pytest.approx(declared[finite])

    def test_draws_have_the_centre_and_the_covariance_of_the_fit(self, solved):
        _, fit = solved
        draws = fitting.draw(fit, 20_000, seed=3)
        moving = fit.spread > 0
        error = (draws[:, moving].mean(axis=0) - fit.theta[moving]) / fit.spread[moving] * np.sqrt(len(draws))
        assert np.abs(error).max() < 5
        assert draws[:, moving].std(axis=0) == pytest.approx(fit.spread[moving], rel=0.04)
        lead = fit.moves.lead
        sd = np.sqrt(np.diag(fit.covariance))
        assert np.corrcoef(draws[:, lead].T) == pytest.approx(fit.covariance / np.outer(sd, sd), abs=0.04)

    def test_draws_are_common(self, solved):
        """The same seed gives the same people of parameters, and fewer are the first of many."""
        _, fit = solved
        assert (fitting.draw(fit, 50, seed=3) == fitting.draw(fit, 50, seed=3)).all()
        assert fitting.draw(fit, 50, seed=3)[:20] == pytest.approx(fitting.draw(fit, 20, seed=3))
        assert (fitting.draw(fit, 50, seed=4) != fitting.draw(fit, 50, seed=3)).any()

    def test_structural_zeros_do_not_vary(self, solved):
        problem, fit = solved
        zero = next(i for i, p in enumerate(problem.network.parameters) if p.name == "findings/scar/leak/positive")
        assert len(set(fitting.draw(fit, 20, seed=1)[:, zero].tolist())) == 1


class TestLeftOut:
    def test_a_question_alone_falls_back_on_the_default(self, folder):
        """The answer without the study is near what a fit without it gives."""
        problem, fit = fitted(with_rows(folder, MORE_ROWS[0]))
        i = next(i for i, t in enumerate(problem.targets) if t.id == "thrust-sens")
        rest, fit_without = fitted(copied(folder.parent / "without"))
        true = answer(problem.network, fit_without.theta, problem.targets[i].question)
        assert len(rest.targets) == len(problem.targets) - 1
        found = leave_out.left_out(problem, fit, read_priors(folder).rows)[i]
        seen = answer(problem.network, fit.theta, problem.targets[i].question)
        assert found == pytest.approx(true, abs=0.25 * abs(seen - true))

    def test_a_number_that_is_nothing_but_its_row_does_not_remember_it(self, folder):
        """Its default is the pool of the row that is left out, so it falls back on other numbers of its kind."""
        pooled = {"id": "thrust-pool", **SACRAL, "value": 0.95}
        replaced(folder, "findings/thigh_thrust.toml", *POOLED)
        problem, fit = fitted(with_rows(folder, pooled))
        i = next(i for i, t in enumerate(problem.targets) if "thrust-pool" in {r.id for r in t.rows})
        rows = read_priors(folder).rows
        assert leave_out.left_out(problem, fit, rows)[i] < 0.85 < answer(problem.network, fit.theta, problem.targets[i].question)

    def test_the_fit_uses_fewer_degrees_of_freedom_than_it_has_questions(self, folder):
        problem, fit = fitted(with_rows(folder, *MORE_ROWS))
        assert 0 < fitting.degrees_of_freedom(fit) < len(problem.targets)


def test_the_share_of_evidence(folder):
    """1 where rows are cited; else by how much the rows narrowed what was assumed; 0 where nothing did."""
    problem, priors = problem_of(with_rows(folder, *MORE_ROWS))
    fit = fitting.fit(problem, problem.network.theta)
    net = build_network(priors)
    share = dict(zip([p.name for p in net.parameters], evidence_share(net, priors, fit).tolist(), strict=True))
    assert share["findings/mri_disc_herniation/leak/age_50_plus/bulge"] == 1.0
    assert 0.3 < share["findings/thigh_thrust/sacroiliac_joint/positive"] < 1.0
    assert share["findings/extension_rotation/leak/positive"] == 0.0
    assert all(0.0 <= v <= 1.0 for v in share.values())
