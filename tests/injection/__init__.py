"""What attackers send, in every parameter of every call, and that it changes nothing of others."""
