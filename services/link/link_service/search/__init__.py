"""Search among a user's links: the language of ``q``, its meaning in Postgres and in memory."""

from link_service.search.text import fold

# isort: split  (the rules of links fold titles, and the modules below know the rules of links)
from link_service.search.vector import search_vector

__all__ = ["fold", "search_vector"]
