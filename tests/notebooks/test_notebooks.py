"""The notebooks: whole in each language, made from their sources, and true when they are run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from notebooks._page import page, with_mathml
from notebooks._run import apart, execute, faults
from notebooks._source import (
    LANGUAGES,
    SOURCES,
    SourceError,
    committed,
    differences,
    groups,
    notebook,
    numbers,
    phrases,
    translated,
    used_phrases,
)

ROOT = Path(__file__).parents[2]
LARGEST = 300_000

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
every_language = pytest.mark.parametrize("language", LANGUAGES)


def read(path: Path, language: str) -> Any:
    return nbformat.read(committed(path, language), as_version=4)


def test_there_are_five_numbered_from_one() -> None:
    assert [path.name[:2] for path in SOURCES] == ["01", "02", "03", "04", "05"]


@every_source
def test_the_languages_have_the_same_headings_numbers_and_names(path: Path) -> None:
    assert differences(path) == []


@every_source
def test_every_phrase_is_there_in_each_language_and_none_is_left_over(path: Path) -> None:
    known = phrases(path)
    assert used_phrases(path) == set(known)
    for text, there in known.items():
        assert there.keys() == LANGUAGES.keys() - {"en"}, text
        for phrase in there.values():
            assert Counter(numbers(phrase)) == Counter(numbers(text)), text


@every_source
@every_language
def test_what_is_committed_has_the_cells_of_its_source(path: Path, language: str) -> None:
    made, there = notebook(path, language), read(path, language)
    nbformat.validate(there)
    for cell, found in zip(made.cells, there.cells, strict=True):
        kept = (found.id, found.cell_type, found.source, found.metadata)
        assert kept == (cell.id, cell.cell_type, cell.source, cell.metadata)
    assert faults(there) == []
    assert committed(path, language).stat().st_size < LARGEST


@every_source
@pytest.mark.parametrize("language", ["es", "pt"])
def test_what_is_committed_shows_the_numbers_of_the_english_one(path: Path, language: str) -> None:
    assert apart(read(path, "en"), read(path, language), words=False) == []


@every_source
def test_the_english_one_runs_and_gives_what_is_committed(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "notebooks", "--lang", "en", "--only", path.name[:2], "--check"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "XLA_FLAGS"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SOURCES[:1], ids=["01"])
@every_language
def test_the_page_needs_nothing_from_elsewhere(path: Path, language: str) -> None:
    html = page(read(path, language), path, language)
    assert f'<html lang="{language}">' in html
    assert "<script" not in html
    assert 'src="http' not in html
    assert "No description has been provided" not in html
    prose = html.partition("<main>")[2]
    for shown in prose.split("<math")[1:]:
        assert "</math>" in shown


def test_a_flipped_kernel_fails_in_its_section() -> None:
    made = notebook(SOURCES[0], "en")
    right = 'conv1d = jax.jit(conv.conv1d, static_argnames="dilation")'
    wrong = "conv1d = jax.jit(lambda x, w, **rest: conv.conv1d(x, w[..., ::-1], **rest))"
    (spoiled,) = [cell for cell in made.cells if right in cell.source]
    spoiled.source = spoiled.source.replace(right, wrong)
    checks = [i for i, cell in enumerate(made.cells) if "assert_agree(\n" in cell.source]
    with pytest.raises(CellExecutionError, match="JAX and PyTorch disagree"):
        execute(made)
    ran = [i for i, cell in enumerate(made.cells) if cell.get("execution_count")]
    assert ran[-1] == checks[0]


# The source's errors


def written(folder: Path, *cells: str) -> Path:
    path = folder / "01_try.py"
    path.write_text("\n\n".join(cells) + "\n", encoding="utf-8")
    path.with_suffix(".toml").write_text('["time"]\nes = "tiempo"\npt = "tempo"\n')
    return path


def prose(language: str, text: str) -> str:
    return f'# %% [markdown] lang="{language}"\n# {text}'


THREE = [prose("en", "# One 1.5"), prose("es", "# Uno 1,5"), prose("pt", "# Um 1,5")]


def test_a_whole_source_passes(tmp_path: Path) -> None:
    path = written(tmp_path, *THREE, "# %%\nx = 1")
    assert differences(path) == []
    assert [list(group) for group in groups(path)] == [["en", "es", "pt"], ["code"]]


@pytest.mark.parametrize("left_out", range(3))
def test_a_missing_cell_is_reported(tmp_path: Path, left_out: int) -> None:
    cells = [cell for index, cell in enumerate(THREE) if index != left_out]
    with pytest.raises(SourceError, match=f"no cell in {list(LANGUAGES)[left_out]} beside"):
        groups(written(tmp_path, *cells, "# %%\nx = 1"))


def test_a_cell_that_is_there_twice_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="two cells in en"):
        groups(written(tmp_path, THREE[0], THREE[0], *THREE[1:]))


def test_an_unknown_language_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="lang is 'fr'"):
        groups(written(tmp_path, prose("fr", "Un")))


@pytest.mark.parametrize(
    ("change", "what"),
    [("# Uno 1,6", "numbers"), ("## Uno 1,5", "headings"), ("# Uno 1,5 `x`", "code")],
)
def test_a_translation_that_differs_is_reported(tmp_path: Path, change: str, what: str) -> None:
    (told,) = differences(written(tmp_path, THREE[0], prose("es", change), THREE[2]))
    assert f"{what} of es" in told


def test_phrases_take_their_place_as_plain_strings() -> None:
    known = {"time": {"es": "tiempo é \"x\" 'y'", "pt": "tempo"}}
    code = 'a = "é"; plot(_("time"), b)\n'
    assert translated(code, "en", {}) == 'a = "é"; plot("time", b)\n'
    assert translated(code, "pt", known) == 'a = "é"; plot("tempo", b)\n'
    names: dict[str, Any] = {"plot": lambda text, b: text, "b": 0}
    spanish = translated('t = plot(_("time"), b)', "es", known)
    exec(spanish, names)
    assert names["t"] == known["time"]["es"]
    with pytest.raises(SourceError, match="no phrase in pt for 'length'"):
        translated('_("length")', "pt", known)


# What two runs are compared by


def output(text: str, **data: str) -> Any:
    cell = nbformat.v4.new_code_cell("x", id="a")
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/plain": text, **data})]
    return nbformat.v4.new_notebook(cells=[cell])


def test_runs_are_told_apart_by_words_and_numbers() -> None:
    assert apart(output("loss 1.234"), output("loss 1.2341")) == []
    assert apart(output("loss 1.234"), output("loss 1.434")) != []
    assert apart(output("loss 1.234"), output("lost 1.234")) != []
    assert apart(output("loss 1.234"), output("error 1.234"), words=False) == []
    assert apart(output("a"), output("a", **{"text/html": "b"})) != []


def test_warnings_and_unnamed_pictures_are_faults() -> None:
    assert faults(output("fine")) == []
    assert faults(output("UserWarning: no")) != []
    assert faults(output("a", **{"image/png": "iVBORw0KGgo="})) != []


def test_formulas_become_mathml_and_code_stays() -> None:
    made = with_mathml("$x_1$ and `$x_1$` and $$\\frac{1}{2}$$")
    assert made.count("<math") == 2
    assert "`$x_1$`" in made
    assert "<mfrac>" in made
