"""grad.fixed_point: implicit differentiation, and the solvers."""
