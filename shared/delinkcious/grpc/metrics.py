"""What gRPC servers and clients measure."""

from typing import Final

from prometheus_client import Histogram

from delinkcious.metrics import BUCKETS

SERVER_DURATION: Final = Histogram(
    "grpc_server_request_duration_seconds",
    "Time to answer a call; of a stream, its whole life.",
    ["method", "status"],
    buckets=BUCKETS,
)
CLIENT_DURATION: Final = Histogram(
    "grpc_client_request_duration_seconds",
    "Time that another service took to answer, retries apart; of a stream, its whole life.",
    ["peer", "method", "status"],
    buckets=BUCKETS,
)
