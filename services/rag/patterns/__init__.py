"""Patterns learned from each tenant's own documents, by statistics and induction: no model, no other tenant."""
