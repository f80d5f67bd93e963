"""Search among a user's links: the language of ``q``, its meaning in Postgres and in memory."""

from link_service.search.text import fold

# First of all: the rules of links fold titles, and the modules below know the rules of links.
# isort: split
from link_service.search.condition import Condition, condition, lift_tags
from link_service.search.matches import matches
from link_service.search.nodes import Node
from link_service.search.parser import parse
from link_service.search.vector import search_vector

__all__ = [
    "Condition",
    "Node",
    "condition",
    "fold",
    "lift_tags",
    "matches",
    "parse",
    "search_vector",
]
