"""Scoring of tables: many people in, one row of probabilities for each out.

`forecaster.Forecaster` is the door. Tables are Arrow's, from pyarrow (extra `tables`), which is imported when a
table is first scored.
"""
