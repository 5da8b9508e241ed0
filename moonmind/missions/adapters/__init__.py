"""The ports over a working tree and git's command line.

    git_cli (GitOps) · fs_reader (FsReader) · commit_router (CoordCommitRouter)
      → tree_commit, coordination → index, git_objects → git_process, places, files, lock

A commit is the branch's last one plus just our changes, made by plumbing in an index of our own. While it is made, the
user's index and the branch are locked in git's own way; the files are written in between; then the index follows and
the branch is moved. So a refusal comes before anything is written, and a killed process leaves nothing half-made:
at worst files that are written and not committed, which nobody was told had succeeded.
"""
