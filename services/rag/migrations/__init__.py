"""Migrations of what the rag service keeps: learned patterns, and passages in Qdrant."""
