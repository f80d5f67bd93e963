"""`make audit`: known vulnerabilities in what we install, and secrets where they should not be."""
