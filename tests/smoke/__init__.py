"""The smoke test: drives a running deployment through its public API, as a client does."""
