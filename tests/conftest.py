"""Fixtures for all tests; the heavy ones live beside the tests that need them."""
