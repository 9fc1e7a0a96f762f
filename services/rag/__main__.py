"""Runs the rag service: `python -m services.rag`."""

from services.rag.app import main

main()
