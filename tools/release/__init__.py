"""Releases of single services: a new version, what is new in it, and a tag."""
