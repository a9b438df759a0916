"""The lecture's notebooks: one source, three languages; `python -m notebooks`."""
