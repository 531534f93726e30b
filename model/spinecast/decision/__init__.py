"""The decision layer: beliefs in, a ranking with plans and gates out.

Enters: posterior beliefs over joint states (point and draws), the outcome knowledge of `priors`, what is known
of the person. Leaves: gates, the best plan that begins with each action, one ranked row an action. May import
`network` (the state space only), `parameters` and `priors`; never an engine: it receives arrays.

    settings = decision_settings(priors, rule_set="guideline")
    outcomes = compile_outcomes(priors, space, profile, draws=200, seed=1)
    gates = evaluate_gates(priors, profile, probabilities, settings.rule_set)
    permitted = permission(priors, profile, gates, settings.rule_set)
    planner = Planner(outcomes, settings, kinds, observe, permitted)
    plans = planner.best_plans(beliefs[0])
    rows = rank(priors, outcomes, plans, beliefs, gates, settings, places)
"""
