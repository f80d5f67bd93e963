"""The schema of the social graph service's database: raw SQL, one module a revision."""
