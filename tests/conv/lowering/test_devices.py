"""Programs for several devices: no sharding is undone. And what shard_map maps is one device's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def run(module: str, *arguments: str) -> Any:
    """Run a module in a process of its own, with eight virtual devices."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("platform", ["cpu", pytest.param("cuda", marks=pytest.mark.long)])
def test_no_sharding_is_undone(platform: str) -> None:
    rows = run("tests.support.devices", platform)
    assert len(rows) >= 3 * 3  # of the first layer; of others where the program is not JAX's own
    for row in rows:
        assert row["apart"] < 1e-5, row
        stock, ours = row["bytes"]
        assert ours <= stock, row
        # Two halos and a sum of weights in the place of two whole images are fewer bytes.
        assert sum(row["ours"].values()) <= sum(row["stock"].values()) or ours < stock / 2, row
    # What is said of one device is not said of stock by mistake: it exchanges something somewhere.
    assert any(row["stock"] for row in rows)


def test_data_parallel_training_adds_up_gradients_and_nothing_else() -> None:
    found = run("tests.support.data_parallel")
    assert set(found["collectives"]) == {"all-reduce"}
    # The loss and every weight and bias, which XLA may put together.
    assert found["bytes"] == found["parameters"] * 4 + 4
    assert found["apart"] < 1e-5
    assert found["methods in shard_map"] == found["methods on one device"]
    assert "stock" not in found["methods in shard_map"]
    assert set(found["methods for eight devices"]) == {"stock"}
    assert found["apart in shard_map"] < 1e-5
