"""What operators may call of the router: tenants, the rollout, usage."""
