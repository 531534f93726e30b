"""Exact inference for many people at once: quickscore folding, product form, one row a pattern.

Four facts make this fast, and all are exact.

* A negative noisy-OR/MAX finding, any finding with one parent generator and the numerator of any
  log-linear leaf are products over generator levels (Heckerman's quickscore). They fold into a vector as
  wide as the L levels, and the S state weights follow by one multiplication each (`product_form`).
* What does not fold (positive findings of several parents, families, normalisers of log-linear leaves) is a
  row over states for each value of the leaf, computed once (`tables`); only two or more findings of a family need a
  new row, once for each pattern that a block of people shows (`patterns`).
* An unknown context that others depend on is summed inside one such row, together with what depends on it,
  since contexts are independent given the state: several unknown contexts add up and do not multiply.
* A person's weights are then a product of some twenty rows of one table. Blocks of people multiply row by row in the
  cache (`products`), without a Python step for each person and outside the interpreter's lock.

Soft evidence is one more value of its leaf, with a row of its own. An unknown setting is a sum over hard values: such a
person is expanded into weighted copies.

References
----------
heckerman1989 (Heckerman D. A tractable inference algorithm for diagnosing multiple diseases. UAI 1989).
"""

from spinecast.engines.batch.engine import SMALLEST, BatchEngine, Scores
from spinecast.engines.batch.people import Codes, People, decode, encode

__all__ = ["SMALLEST", "BatchEngine", "Codes", "People", "Scores", "decode", "encode"]
