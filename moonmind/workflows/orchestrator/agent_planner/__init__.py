"""The planner `agent`: a coding agent's program changes a copy of the service's files, which `proposals` judges."""
