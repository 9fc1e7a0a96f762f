"""Files that are not plain text, read by the libraries made for them, in a process of their own."""
