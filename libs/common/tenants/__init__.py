"""A tenant's bundle: what it is made of, how it is checked, where it is kept, and how processes follow its changes."""
