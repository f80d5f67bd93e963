"""The schema of the user service's database: raw SQL, one module a revision."""
