"""What tenants used: counts of turns by day, tenant, variant, agent and tier, beside what the ledger says they cost."""
