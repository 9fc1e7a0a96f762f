"""What becomes known of a turn after its reply: what the customer thought of it, or that none came back."""
