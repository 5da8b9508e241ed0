"""The planner `llm`: a model behind an OpenAI- or Anthropic-style endpoint drafts edits, which `proposals` judges.

Needs the extra `llm`, whose clients are imported only when a model is asked.
"""
