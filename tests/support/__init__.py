"""What tests of the whole platform share: a client of its public API."""
