"""What the services talk about: frozen values, and the Protocol of each manager.

A manager and the client of the service that wraps it satisfy the same Protocol, so whoever calls
one does not know whether it is in the same process.
"""
