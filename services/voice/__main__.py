"""Runs the voice service: `python -m services.voice`."""

from services.voice.app import main

if __name__ == "__main__":
    main()
