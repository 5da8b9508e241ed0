"""The texts of a mission: read into values, and changed without touching what nobody asked to change. No I/O."""
