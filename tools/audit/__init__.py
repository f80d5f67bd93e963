"""`make audit`: known vulnerabilities in what we install, and secrets in what we keep."""
