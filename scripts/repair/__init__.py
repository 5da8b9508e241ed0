"""Parts of `scripts/bench_repair.py`: sets of imports, the local index, the tools, and how their answers are judged."""
