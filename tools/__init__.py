"""Developer tools: development only, never part of what ships."""
