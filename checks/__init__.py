"""What `make test` cannot see on one machine: other platforms, other versions, a GPU."""
