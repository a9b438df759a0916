"""The site: pages, notebooks, a reference from the docstrings, and what commands print."""
