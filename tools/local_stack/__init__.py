"""The whole platform on one machine, with one command and no containers: for development only.

`python -m tools.local_stack` (which is what `make run` runs) starts real PostgreSQL, Redis and
NATS, a local identity provider, the migrations and every role of every service; it restarts what
dies, and stops it all at Ctrl-C. It is not a way to run Delinkcious in production: that is `k8s/`.
"""
