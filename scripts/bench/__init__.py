"""Parts of `scripts/bench_runs.py`: two trees, the servers they share, what is measured, and how it is shown."""
