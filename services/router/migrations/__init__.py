"""Migrations of what the router keeps, and of what all services keep in its database: tenants and charges."""
