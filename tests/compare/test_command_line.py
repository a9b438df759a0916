"""python -m compare: what it prints, its exit status, and what it says when it cannot run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compare._cli import main

ROOT = Path(__file__).parents[2]

# What the table must hold, as it stands there.
SHOWN = [
    "(3, 6, 8)", "(1, 64)", "(2, 64)", "padding_mode='zeros'", "(16, 2, 3)", "(16,)",
    "(1, 16, 62)", "(1, 16, 60)", "(16, 20, 3, 5)", "(1, 16, 62, 124)", "(1, 16, 64, 128)",
    "4.5", "[[-1.5, 0], [1.5, 3]]", "SubBackward0", "Mul (2 edges in)", "[[-1.5, 0, 1.5, 3]]",
    "[102.4, 1024, 0.1024]", "RuntimeError", "[0.333333, 0.333333, 0.333333]",
    "[0.25, 0.25, 0.25, 0.25]", "[0.5, 0.5, 0.5, 0.5]", "[1, 0, 1]",
    "(5162, 5127)",
]  # fmt: skip


def run(
    *arguments: str, columns: str | None = None, code: str | None = None
) -> tuple[int, str, str]:
    """Run the command in a process of its own, where nothing has turned on 64-bit dtypes."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "JAX_ENABLE_X64")}
    if columns is not None:
        environment["COLUMNS"] = columns
    command = ["-m", "compare"] if code is None else ["-c", code]
    done = subprocess.run(
        [sys.executable, *command, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_whole_lecture_prints_its_table() -> None:
    status, out, err = run()
    assert status == 0, out + err
    assert err == ""
    assert "\x1b" not in out
    for text in SHOWN:
        assert text in out, text
    tally, versions = out[out.index("24 of 24 rows agree") :].split("\n", 1)
    assert "largest difference" in tally
    for name in ("convgrad", "jax", "jaxlib", "torch", "numpy", "python"):
        assert f"{name} " in versions
    assert max(map(len, out.splitlines())) <= 120


def test_a_narrow_terminals_width_is_kept() -> None:
    status, out, _ = run("--row", "12", columns="80")
    assert status == 0
    table = out[: out.index("JAX, the code")]
    assert max(map(len, table.splitlines())) <= 80


def test_a_row_shows_its_values_and_the_code_of_both_sides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--row", "20", "--row", "7"]) == 0
    out = capsys.readouterr().out
    assert out.index("Conv1d(2, 16, 5)") < out.index("A custom split")
    for code in (
        "def stereo_5_jax", "def stereo_5_torch", "float32 1 x 16 x 60", "@jax.custom_vjp",
        "split.defvjp(_split_forward, _split_backward)", "class Split(torch.autograd.Function):",
    ):  # fmt: skip
        assert code in out
    assert "2 of 2 rows agree" in out


def test_a_wide_value_is_not_shown_by_halves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--row", "18"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "pass those as inputs." in told


@pytest.mark.parametrize("value", ["0", "25", "-1", "x", "1.5"])
def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert main([f"--row={value}"]) == 2
    told = capsys.readouterr()
    assert f"argument --row: the lecture has rows 1 to 24, got '{value}'" in told.err
    assert told.out == ""


def test_a_page_that_cannot_be_written_is_told_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "page.html"
    assert main(["--html", str(path)]) == 2
    told = capsys.readouterr()
    assert f"cannot write '{path}': No such file or directory" in told.err
    assert told.out == ""


def test_wrong_usage_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "Exit status" in capsys.readouterr().out


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "


def test_without_torch_the_command_says_how_to_get_it() -> None:
    code = WITHOUT_TORCH + "from compare._cli import main; sys.exit(main())"
    status, out, err = run(code=code)
    assert status == 2
    assert out == ""
    assert "pip install 'convgrad[torch]'" in err
    assert "Traceback" not in err


def test_without_torch_compare_is_imported_and_says_how_to_get_it() -> None:
    code = WITHOUT_TORCH + (
        "import compare\n"
        "try:\n    compare.compare(abs, abs, 1.0)\n"
        "except ImportError as error:\n    print(error)"
    )
    status, out, err = run(code=code)
    assert status == 0, err
    assert "pip install 'convgrad[torch]'" in out
