"""The two systems judged: what is counted, what it proves, and when hybrid is taken back."""
