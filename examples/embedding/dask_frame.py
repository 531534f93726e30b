"""Score a Parquet data set in Dask: `python dask_frame.py IN OUT`, where OUT becomes a folder of Parquet files.

Needs `pip install 'spinecast[dask]'`. On a cluster, make a `distributed.Client` first; nothing else changes.
"""

import sys

import dask.dataframe as dd

from spinecast import Forecaster
from spinecast.scoring.dask import score_dask


def main(source: str, target: str) -> None:
    """Score and say how the mean probability of each generator came out."""
    scored = score_dask(dd.read_parquet(source), Forecaster.load())
    scored.to_parquet(target, write_index=False)
    print(f"wrote {target}: {len(dd.read_parquet(target)):,} people")


if __name__ == "__main__":
    main(*sys.argv[1:])
