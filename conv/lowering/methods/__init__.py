"""How convolutions are computed: one family a file, each method an object."""
