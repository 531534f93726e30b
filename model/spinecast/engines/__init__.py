"""Inference.

In: a network and what was observed. Out: the posterior over joint states. `exact` and the batch engine
work on compiled arrays; `pgmpy_engine` is the second opinion and the only one that loads pgmpy. Imports
`network` and below, never `decision`.
"""
