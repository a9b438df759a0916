"""Every sample and every error input that PyTorch's own tests have for these functions.

The samples of a test are compiled as one program: compiling is what takes the time. By default all
samples run in all dtypes with values and gradients, and in float64 with second gradients, forward
mode and vmap as well; of the max pools a spread runs. `long` takes everything in every dtype.
"""

import jax
import jax.numpy as jnp
import pytest

from tests.support.opinfo import assert_samples_agree, calls, database, errors, samples

# How many different calls each function has, to divide them into tests of a bearable length. Some
# samples differ in their numbers only, or in their strides.
COMPLEX = {
    "conv1d": 10,
    "conv2d": 28,
    "conv3d": 18,
    "conv_transpose1d": 10,
    "conv_transpose2d": 12,
    "conv_transpose3d": 10,
    "pad-circular": 8,
    "pad-constant": 51,
    "pad-reflect": 12,
    "pad-replicate": 12,
    "pad-replicate_negative": 6,
    "unfold": 163,
}
REAL = {
    "adaptive_avg_pool1d": 6,
    "adaptive_avg_pool2d": 10,
    "adaptive_avg_pool3d": 12,
    "adaptive_max_pool1d": 8,
    "adaptive_max_pool2d": 24,
    "adaptive_max_pool3d": 20,
    "avg_pool1d": 9,
    "avg_pool2d": 7,
    "avg_pool3d": 8,
}
# Their samples' integers, and the random windows, are parts of the calls: most calls differ.
PLACED = {
    "fractional_max_pool2d": 37,
    "fractional_max_pool3d": 48,
    "max_unpool1d": 113,
    "max_unpool1d-grad": 15,
    "max_unpool2d": 121,
    "max_unpool2d-grad": 19,
    "max_unpool3d": 84,
    "max_unpool3d-grad": 9,
}
MAX_POOLS = {"max_pool1d": 864, "max_pool2d": 864, "max_pool3d": 576}
# Strides through the max-pool calls that share no factor with the length of any of the loops that
# make them, so that every value of every argument comes up.
SPREAD = {"max_pool1d": 43, "max_pool2d": 37, "max_pool3d": 31}
PER_TEST = 24
FULL_EVERY = {"float64": 1, "float32": None, "complex128": None}

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def _parts(counts: dict[str, int], *dtypes: str) -> list[tuple[str, str, int, int]]:
    """(name, dtype, part, number of parts): part i is every n-th call from the i-th on."""
    return [
        (name, dtype, part, -(-count // PER_TEST))
        for name, count in counts.items()
        for dtype in dtypes
        for part in range(-(-count // PER_TEST))
    ]


@pytest.mark.parametrize("name", [*COMPLEX, *REAL, *PLACED, *MAX_POOLS])
def test_tables_list_what_the_database_has(name: str) -> None:
    listed = {str(d).removeprefix("torch.") for d in database()[name].supported_dtypes("cpu")}
    assert {"float32", "float64"} <= listed
    assert ("complex128" in listed) == (name in COMPLEX)
    # The number of parts follows from it; if PyTorch adds samples, parts grow and none is lost.
    assert len(calls(samples(name, "float64"))) == {**COMPLEX, **REAL, **PLACED, **MAX_POOLS}[name]


def test_tables_list_the_whole_family() -> None:
    assert sorted(database()) == sorted([*COMPLEX, *REAL, *PLACED, *MAX_POOLS])


@pytest.mark.parametrize(
    ("name", "dtype", "part", "parts"),
    [*_parts(COMPLEX | REAL, "float64", "float32"), *_parts(COMPLEX, "complex128")],
)
def test_samples(name: str, dtype: str, part: int, parts: int) -> None:
    assert_samples_agree(calls(samples(name, dtype))[part::parts], FULL_EVERY[dtype])


@pytest.mark.parametrize(("name", "dtype", "part", "parts"), _parts(PLACED, "float64"))
def test_samples_with_places(name: str, dtype: str, part: int, parts: int) -> None:
    assert_samples_agree(calls(samples(name, dtype))[part::parts], full_every=6)


@pytest.mark.parametrize("name", MAX_POOLS)
@pytest.mark.parametrize(("dtype", "first"), [("float64", 0), ("float32", 1)])
def test_spread_of_max_pool_samples(name: str, dtype: str, first: int) -> None:
    spread = calls(samples(name, dtype))[:: SPREAD[name]]
    chosen = spread[first::2]  # every other one in float64, the others in float32
    assert len(chosen) > 8
    assert_samples_agree(chosen, FULL_EVERY[dtype])


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "dtype", "part", "parts"),
    [
        *_parts(COMPLEX | REAL, "float64", "float32"),
        *_parts(COMPLEX, "complex128"),
        *_parts(PLACED | MAX_POOLS, "float64", "float32"),
    ],
)
def test_all_samples_in_full(name: str, dtype: str, part: int, parts: int) -> None:
    assert_samples_agree(calls(samples(name, dtype))[part::parts])


# The database has error inputs for these; for the others the tables of refusals stand.
UNPOOLS = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]  # one each
WITH_ERRORS = ["conv1d", "conv2d", "conv3d", *UNPOOLS, *REAL, *MAX_POOLS]


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_error_inputs_are_refused(name: str) -> None:
    cases = errors(name)
    assert len(cases) >= (1 if name in UNPOOLS else 2)
    for case in cases:
        with pytest.raises(Exception):  # noqa: B017, PT011 - PyTorch's class and words are its own
            case.theirs(*case.tensors)
        arrays = [jnp.asarray(x.numpy()) for x in case.tensors]
        with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
            jax.eval_shape(case.ours, *arrays)


def test_no_other_function_has_error_inputs() -> None:
    assert sorted(name for name in database() if errors(name)) == sorted(WITH_ERRORS)
