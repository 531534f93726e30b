"""What a methods researcher asks.

In: a network, patients, parameter draws. Out: fits to published figures, validation, sensitivity,
probabilistic analysis, value of information, simulation: each one function, a labelled table out.
Imports `assess` and below.
"""
