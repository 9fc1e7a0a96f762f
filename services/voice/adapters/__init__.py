"""The technologies behind the voice service's ports."""
