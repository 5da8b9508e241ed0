"""The ports, for real: git by its command line, files, and what the caller sees."""
