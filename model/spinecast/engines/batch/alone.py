"""The weights of one person from the same tables: a few dozen short calls, where a block's many would be most of the time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from spinecast.engines.batch.patterns import View
from spinecast.engines.batch.weights import UnknownContext
from spinecast.network.model import FRAILTY_WEIGHTS
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array


def weights_alone(
    view: View, unknown: Sequence[UnknownContext], codes: Ints, setting: int, pairs: Sequence[int]
) -> tuple[Array, float]:
    """What does not fold of one person, up to a scale.

    Parameters
    ----------
    view : View
        All blocks.
    unknown : sequence of UnknownContext
    codes : ndarray of int, shape (leaves,)
        All certain or unseen; what is summed over a context is taken out.
    setting : int
    pairs : sequence of int
        Further rows.

    Returns
    -------
    weights : ndarray, shape (S,)
    log_scale : float
    """
    sums = [found for context in unknown if (found := _summed(context, codes, setting)) is not None]
    weights, log_scale = _product(view, codes, setting, pairs)
    for row, log_peak in sums:
        weights *= row
        log_scale += log_peak
    return weights, log_scale


def _product(view: View, codes: Ints, setting: int, pairs: Sequence[int]) -> tuple[Array, float]:
    """Product of all rows of a view's table, and of its patterns spread over the same configurations; and its log scale."""
    mine = codes[view.columns]
    seen = np.flatnonzero(mine >= view.least)
    by, step = view.by[seen], view.settings[seen] * view.contexts[seen]
    place = mine[seen] * step + np.where(view.settings[seen] > 1, setting * view.contexts[seen], 0)
    place += np.where(by >= 0, codes[by], 0)
    block, rows, patterns = view.block[seen].tolist(), list(pairs), []
    for _, members in groupby(range(len(seen)), key=block.__getitem__):
        some = list(members)
        if len(some) == 1:
            rows.append(int(view.line[seen[some[0]]] + place[some[0]]))
        else:
            patterns.append(some)
    rows = rows or [view.ones]
    weights, log_scale = np.multiply.reduce(view.table.take(rows, axis=0), axis=0), float(view.log_scale[rows].sum())
    for some in patterns:
        entry = seen[some]
        space = int(view.space[view.block[entry[0]]] + view.rank[entry].max())
        shelf = view.shelves.shelves[view.shelves.shelf[space]]
        rows_there = view.shelves.first[space, view.slot[entry]] + place[some]
        product = np.multiply.reduce(shelf.table.take(rows_there, axis=0), axis=0)
        mixed = FRAILTY_WEIGHTS.astype(product.dtype) @ product.reshape(len(FRAILTY_WEIGHTS), -1)
        weights *= mixed.take(view.config_of_state[space])
        log_scale += float(shelf.log_scale[rows_there].sum())
    return weights, log_scale


def _summed(context: UnknownContext, codes: Ints, setting: int) -> tuple[Array, float] | None:
    """Sum over a context that is not known, where something seen depends on it; that is taken out of the codes."""
    view, column = context.view, context.column
    if codes[column] >= 0:
        return None
    tied = view.columns[view.depending(codes[None, view.columns], column)[0]]
    if not len(tied):
        return None
    supposed = np.full_like(codes, -1)
    supposed[tied], codes[tied] = codes[tied], -1
    terms, scales = [], []
    for value in range(context.chance.shape[1]):
        supposed[column] = value
        term, scale = _product(view, supposed, setting, ())
        terms.append(term)
        scales.append(scale)
    peak = max(scales)
    share = np.array([math.exp(scale - peak) for scale in scales], dtype=terms[0].dtype)
    spread = (np.stack(terms) * share[:, None]).take(context.config_of_state, axis=1)
    return np.einsum("vs,vs->s", context.chance[min(setting, len(context.chance) - 1)], spread), peak
