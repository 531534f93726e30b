"""Names of the measures that rows carry, by what kind of number they are (no numbers computed)."""

from __future__ import annotations

ASKED = ("sens", "spec", "lr_pos", "lr_neg", "or", "dor", "rr", "prevalence", "proportion", "ppv", "npv")
"""Measures that the network can be asked."""

PROPORTIONS = frozenset({
    "sens", "spec", "prevalence", "proportion", "ppv", "npv", "fpr_1_minus_spec", "fpr_1_minus_ppv", "fpr_mixed",
    "one_minus_sens", "placebo_response", "fraction", "mean_fraction", "auc",
})  # fmt: skip
"""Measures that lie between 0 and 1."""

RATIOS = frozenset({"or", "dor", "rr", "hr", "lr_pos", "lr_neg"})
"""Measures that are positive ratios."""

DIFFERENCES = frozenset({"md", "smd", "coef"})
"""Measures that can be negative."""
