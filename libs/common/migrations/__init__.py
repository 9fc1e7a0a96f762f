"""Brings what is stored to the version of the running code: ordered steps, a stamp a store, one runner at a time."""
