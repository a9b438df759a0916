#!/bin/bash
# On a machine with an NVIDIA GPU, from the root: tests of conv there, then networks beside PyTorch.
# Ten minutes at most. PYTHON is one with this package, jax[cuda13], a CUDA build of torch, and the
# test extra. What it writes goes to $OUT (build/gpu).
set -u
PYTHON=${PYTHON:-python3}
OUT=${OUT:-build/gpu}
mkdir -p "$OUT"
export XLA_PYTHON_CLIENT_PREALLOCATE=false CONVGRAD_QUICK=off

"$PYTHON" -c 'import jax; print(jax.__version__, jax.devices()); assert jax.default_backend() == "gpu"' ||
  exit 1
# Products in all their bits, as the tests' tolerances are those of float32 and float64.
JAX_DEFAULT_MATMUL_PRECISION=highest timeout 200 "$PYTHON" -m pytest -q -p no:cacheprovider \
  -m "not long" --timeout 150 tests/conv/test_convolution.py tests/conv/test_transposed.py \
  tests/conv/test_gradients.py tests/conv/test_pooling.py > "$OUT/tests.txt" 2>&1
tests=$?
tail -n 15 "$OUT/tests.txt"
timeout 370 "$PYTHON" -m checks.gpu --seconds 300 --out "$OUT/networks.json"
networks=$?
echo "tests: $tests, networks: $networks (124: out of time)"
exit $((tests || networks))
