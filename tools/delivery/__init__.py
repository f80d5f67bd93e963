"""What continuous delivery decides: which services a change concerns."""
