"""The results as data, for --json."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._format import plain
from ._row import RowResult
from ._values import Entry

LARGE = 500  # an array with more elements than this is told by dtype and shape only


def _value(value: object) -> Any:
    if isinstance(value, np.ndarray):
        told = {"dtype": str(value.dtype), "shape": list(value.shape)}
        return told | {"values": plain(value)} if value.size <= LARGE else told
    return plain(value)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "jax": _value(entry.jax),
        "torch": _value(entry.torch),
        "difference": plain(entry.difference),
        "agree": entry.agree,
        "reason": entry.reason,
        "stated": plain(entry.stated),
    }


def to_json(results: Sequence[RowResult], versions: dict[str, str]) -> str:
    """Write the results as JSON: rows with their entries, the tally, the versions."""
    rows = [
        {
            "row": result.row.number,
            "title": result.row.title,
            "agree": result.comparison.agree,
            "largest_difference": plain(result.comparison.largest_difference),
            "seconds": round(result.seconds, 3),
            "entries": [_entry(entry) for entry in result.comparison.entries],
        }
        for result in results
    ]
    tally = {"rows": len(rows), "agree": sum(row["agree"] for row in rows)}
    return json.dumps({"tally": tally, "versions": versions, "rows": rows}, indent=1)
