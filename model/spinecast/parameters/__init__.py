"""Numbers with their uncertainty.

In: quantities and evidence rows from `priors`. Out: pooled estimates on a declared scale, each with a
spread. Imports `priors`.
"""
