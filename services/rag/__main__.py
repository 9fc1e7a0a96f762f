"""Runs the rag service: `python -m services.rag`."""

from services.rag.app import main

if __name__ == "__main__":
    main()
