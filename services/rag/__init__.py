"""Documents of a tenant in, passages that answer its customers' questions out."""
