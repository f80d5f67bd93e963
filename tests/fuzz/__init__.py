"""Requests that a machine makes up from the OpenAPI documents, and what may not come of them.

``make fuzz`` runs it for long and with other requests each time; ``make test`` the same few
thousand requests each time.
"""
