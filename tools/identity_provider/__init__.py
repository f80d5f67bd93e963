"""A local identity provider that speaks GitHub's OAuth web flow.

With it, logging in needs no account and no network. For development and tests only: it lets anyone
be anyone, and refuses to start unless it is told that it is local.
"""
