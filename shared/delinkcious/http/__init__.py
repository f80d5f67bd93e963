"""REST: the app factory and its middleware, the server, and the client."""
