"""Search among a user's links: the language of ``q``, its meaning in Postgres and in memory."""

from link_service.search.condition import Condition, condition, lift_tags
from link_service.search.matches import matches
from link_service.search.nodes import Node
from link_service.search.parser import parse
from link_service.search.vector import search_vector

__all__ = [
    "Condition",
    "Node",
    "condition",
    "lift_tags",
    "matches",
    "parse",
    "search_vector",
]
