"""What a process sets before it answers for one patient, whose matrices are small and many."""

from __future__ import annotations

import os

KEPT = 31 * 2**17
"""Numbers in 31 MB: just below where the C library would hand an array back whatever was freed before."""


def settle_process() -> None:
    """No threads, which would only wait for each other, and memory that stays once it was taken; call before numpy is loaded.

    The C library hands every freed array of a megabyte back to the system, and the next one is taken anew, page by page: half
    of the page faults of an assessment. Once it saw a larger one freed, it keeps them. This one is never written to, so it
    costs nothing.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    np.empty(KEPT)
