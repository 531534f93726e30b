"""One patient to one `Assessment`; a table of patients to a table of scores.

In: a patient file or table, checked against the vocabulary. Out: differential, ranking, flags, plan, why.
Imports everything below; nothing slow (no pgmpy, pandas, matplotlib, scipy).
"""
