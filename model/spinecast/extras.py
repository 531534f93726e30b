"""Optional packages: imported when they are first needed, with an error that says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from spinecast.errors import MissingExtraError


def need(module: str, extra: str) -> Any:
    """An optional module.

    Parameters
    ----------
    module : str
        Such as pyarrow.parquet.
    extra : str
        The extra of spinecast that installs it.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise  # it is there, and something that it needs is not
        raise MissingExtraError(module, extra) from None
