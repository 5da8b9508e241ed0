"""Adapters over uv: which versions a Python manifest resolves to, and its lock files. They run no package's code."""
