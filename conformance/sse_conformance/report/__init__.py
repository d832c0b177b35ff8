"""The results, as a person or a program wants to read them."""
