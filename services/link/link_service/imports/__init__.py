"""Imports and exports: files of links in and out.

::

    upload ── manager ── store (chunks) ── worker ── formats.read ── rows ── batch ── collection
    formats.write ── export
"""
