"""`moonmind tasks map-requirements`: which package does what the specification asks for."""
