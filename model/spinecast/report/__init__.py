"""Answers for people.

In: an `Assessment` or a table of an analysis. Out: text, letters, figures. Imports `analysis` and below;
both front ends may use it, so it imports neither.
"""
