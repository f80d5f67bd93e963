"""The shared library of the Delinkcious services.

It gives a service everything that is not its own business: configuration, logs, metrics, traces,
health, draining, REST and gRPC transports with their middleware, clients, Postgres, the outbox and
messaging. A service adds a manager, a transport and a short ``__main__``.
"""
