"""Code generated from `proto/delinkcious/news`; `make proto` writes it."""
