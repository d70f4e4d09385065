"""What services promise one another. Imports only pydantic and the standard library."""
