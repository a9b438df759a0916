"""The lecture's rows by topic. Every row is two programs that do the same, one a library."""
