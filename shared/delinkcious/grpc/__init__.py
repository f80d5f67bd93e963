"""gRPC: the server with its layers, the client, and errors on the wire."""
