"""One helper a command: read, let a core decide, write, answer."""
