"""Every public function is in the list, and what is lowered for other platforms needs none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks import platforms
from checks.functions import Call, F, calls, missing

ROOT = Path(__file__).parents[2]


def test_every_public_function_is_listed() -> None:
    assert missing() == []


def test_names_are_of_one_call_each() -> None:
    names = [call.name for call in calls()]
    assert len(names) == len(set(names)) > 150


@pytest.mark.parametrize("prefix", ["conv.conv_transpose2d", "port.functional.batch_norm"])
def test_programs_are_lowered_for_three_platforms(prefix: str, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    command = [sys.executable, "-m", "checks.platforms", "--lower", "--save", str(found), prefix]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = json.loads(found.read_text())
    assert {r["program"] for r in records} == {"forward", "gradient"}
    assert all(r["name"].startswith(prefix) and not r["failure"] for r in records)
    assert "for cpu, cuda, tpu" in done.stdout


def test_what_fails_is_named() -> None:
    def broken(x: object) -> object:
        raise NotImplementedError("not here")

    call = Call("broken", broken, (F(3),))
    record = platforms.check(call, "forward", call.forward, call.arrays, None)
    assert record.failure == "lowering for cpu: NotImplementedError: not here"
