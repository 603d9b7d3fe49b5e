"""The rules. Standard library only; time, ids and randomness come in as arguments; decisions are values with reasons."""
