"""Gradients of values inside of a program: grad.tap, gradients_of and hook."""
