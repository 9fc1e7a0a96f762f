"""Turns that the other engine decides too, unseen, to compare the two on the same customers."""
