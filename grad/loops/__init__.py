"""Loops that reverse mode goes back through: grad.while_loop, and the counted loop inside of it."""
