"""Exact inference for many people at once: quickscore folding, product form, one row a pattern.

Four facts make this fast, and all are exact.

* A negative noisy-OR/MAX finding, any finding with one parent generator and the numerator of any
  log-linear leaf are products over generator levels (Heckerman's quickscore). They fold into a vector as
  wide as the L levels, and the S state weights follow by one multiplication each (`product_form`).
* What does not fold (positive findings of several parents, families, normalisers of log-linear leaves) is a
  row over states for each value of the leaf, computed once (`tables`). Two or more findings of a family need a row of their own:
  it is worked out in the narrowest configurations that tell the findings seen apart (`spaces`), once for each pattern that some
  two thousand people show (`patterns`), and spread over the states at the end.
* An unknown context that others depend on is summed together with the findings seen that really depend on it, in their own joint
  configurations (`weights`); contexts are independent given the state, so several unknown contexts add up and do not multiply.
* A person's weights are then a product of some twenty rows of one table. Blocks of people multiply row by row in the
  cache (`products`), without a Python step for each person and outside the interpreter's lock. A person alone
  goes through the same tables by fewer calls (`alone`).

Soft evidence is one more value of its leaf, with a row of its own. An unknown setting is a sum over hard values: such a
person is expanded into weighted copies.

References
----------
heckerman1989 (Heckerman D. A tractable inference algorithm for diagnosing multiple diseases. UAI 1989).
"""

from spinecast.engines.batch.engine import SMALLEST, BatchEngine, Scores
from spinecast.engines.batch.people import Codes, People, decode, encode

__all__ = ["SMALLEST", "BatchEngine", "Codes", "People", "Scores", "decode", "encode"]
