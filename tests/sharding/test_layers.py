"""Layers over eight virtual devices: PyTorch's results, and no device is sent the whole input."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import FAST, as_flags

ROOT = Path(__file__).parents[2]
# Sums of up to some thousand products in float32, in another order on each side, against float64.
TOLERANCE = 1e-5
# What XLA's own lowering gathers, forward or in a gradient: the rule has other programs for these.
GATHERED_BY_XLA = {
    "grouped-1d",
    "grouped",
    "grouped-strided",
    "grouped-3d",
    "transposed-1d",
    "transposed",
    "transposed-3d",
    "transposed-grouped",
    "transposed-depthwise",
    "multiplied",
}
# Sums over channels, or a weight for each: these have to meet.
DENSE = {"conv1d", "conv2d", "conv3d", "strided", "dilated"}
DENSE |= {"transposed-1d", "transposed", "transposed-3d"}
# Windows that tile the rows of every device.
WITHOUT_HALO = {"max-pool-tiles", "avg-pool-tiles"}


@cache
def found(rule: str) -> Any:
    """Run all layers in a process of its own, with eight virtual devices."""
    flags = f"--xla_force_host_platform_device_count=8 {as_flags(FAST)}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.spread", rule],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(rule: str, **wanted: str) -> list[dict[str, Any]]:
    return [r for r in found(rule)["rows"] if all(r[k] == v for k, v in wanted.items())]


BOTH = pytest.mark.parametrize("rule", ["on", "off"])


@BOTH
@pytest.mark.parametrize("way", ["jit", "shard_map"])
@pytest.mark.parametrize("sharded", ["batch", "channels", "rows"])
def test_results_and_gradients_are_pytorchs(rule: str, way: str, sharded: str) -> None:
    some = rows(rule, way=way, sharded=sharded)
    assert len(some) >= (24 if rule == "on" or way == "jit" else 5)
    for row in some:
        assert row["apart"] < TOLERANCE, row
        assert row["spread"] == 8, row


@BOTH
def test_rows_exchange_halos_and_no_image(rule: str) -> None:
    for row in rows(rule, sharded="rows"):
        if rule == "off" and row["way"] == "jit" and row["layer"] in GATHERED_BY_XLA:
            continue
        kinds = row["collectives"]
        assert set(kinds) <= {"collective-permute", "all-reduce"}, row
        if row["layer"] != "batch-norm":  # some rows are looked at for a number near to the mean
            assert ("collective-permute" in kinds) == (row["layer"] not in WITHOUT_HALO), row
        if not (row["way"] == "jit" and "pool" in row["layer"]):  # a few times their halo
            # Eight devices hold two to eight rows each, of which neighbours want up to two.
            assert row["bytes"] - row["parameters"] < row["input"] + row["output"], row


@BOTH
def test_a_batch_exchanges_sums_for_weights_only(rule: str) -> None:
    for row in rows(rule, sharded="batch"):
        if rule == "off" and row["way"] == "jit" and row["layer"] in GATHERED_BY_XLA:
            continue
        assert set(row["collectives"]) == ({"all-reduce"} if row["parameters"] else set()), row
        if row["layer"] != "batch-norm":
            assert row["bytes"] == row["parameters"], row


@BOTH
def test_groups_of_channels_exchange_nothing(rule: str) -> None:
    for row in rows(rule, sharded="channels"):
        gathered = rule == "off" and row["way"] == "jit" and row["layer"] in GATHERED_BY_XLA
        if row["layer"] not in DENSE and not gathered:
            # XLA may put a weight's gradient, which nobody said where to leave, on every device.
            assert row["bytes"] <= 3 * row["parameters"], row
            assert row["bytes"] < row["input"] / 4, row


def test_the_list_of_what_xla_gathers_is_true() -> None:
    for name in GATHERED_BY_XLA - {"multiplied"}:
        gathered = [
            r for r in rows("off", way="jit", layer=name) if "all-gather" in r["collectives"]
        ]
        assert {"batch", "rows"} & {r["sharded"] for r in gathered}, name


def test_batch_norm_over_a_batch_has_the_statistics_of_all_of_it() -> None:
    """Also of what is sharded by rows. That they are PyTorch's is in `apart`."""
    for rule in ("on", "off"):
        (batch,), (some,) = (
            rows(rule, way="jit", sharded=sharded, layer="batch-norm")
            for sharded in ("batch", "rows")
        )
        # Some numbers a channel: means, variances, and sums for three gradients.
        assert batch["bytes"] <= 12 * batch["parameters"], batch
        assert some["bytes"] < some["input"] / 16, some


@BOTH
def test_batch_norm_inside_of_shard_map_has_a_devices_own_statistics(rule: str) -> None:
    """As PyTorch's in DistributedDataParallel."""
    assert found(rule)["of parts"] < TOLERANCE
