"""The only door for clients: a customer's message in, the bot's reply out."""
