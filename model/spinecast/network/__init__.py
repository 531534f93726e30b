"""The Bayesian network.

In: priors and parameters. Out: the joint states, their weights, the tables of every finding, the arrays
compiled from them, and an export as pgmpy's own model. Imports `parameters` and `priors`; pgmpy only in
`export`, inside a function.
"""
