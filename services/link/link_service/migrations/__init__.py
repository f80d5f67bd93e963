"""The schema of the link service's database: raw SQL, one module a revision."""
