"""Compares the stores of a running local stack with one another, and says what differs."""
