"""The wire form of what several services speak: Pydantic models for decoding and documentation."""
