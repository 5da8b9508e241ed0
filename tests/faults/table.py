"""The table of faults: every kind, by name, each a small function of a case."""

from __future__ import annotations

from tests.faults import of_approvals, of_database, of_docker, of_machines, of_messages, of_runs, of_workers
from tests.faults.case import Kind
from tests.faults.of_workers import killed_at

UNDONE = "rolled_back/verify_failed"

KINDS: tuple[Kind, ...] = (
    Kind("api-dies-after-commit", of_messages.api_dies_after_commit),
    Kind("broker-down-at-post", of_messages.broker_down, rounds=10),
    Kind("broker-hung-at-post", of_messages.broker_hung),
    Kind("broker-dies-in-mid-run", of_messages.broker_dies_in_mid_run, rounds=10),
    Kind("queue-purged", of_messages.queue_purged),
    Kind("message-ten-times", of_messages.delivered_ten_times),
    Kind("messages-poisoned", of_messages.poisoned),
    Kind("delivery-timed-out", of_messages.delivery_timed_out, rounds=10),
    Kind("dispatcher-killed-before-publish", killed_at("dispatcher.before_publish")),
    Kind("dispatcher-killed-after-publish", killed_at("dispatcher.after_publish")),
    Kind("worker-killed-after-claim", killed_at("claim.after_commit", hits=5)),
    Kind("worker-killed-in-analyze", killed_at("analyze.before_plan")),
    Kind("worker-killed-before-write", killed_at("patch.before_write")),
    Kind("worker-killed-after-write", killed_at("patch.after_write")),
    Kind("worker-killed-before-build", killed_at("build.before")),
    Kind("worker-killed-after-build", killed_at("build.after")),
    Kind("worker-killed-during-build", of_workers.killed_during_build),
    Kind("group-killed-during-build", of_workers.whole_group_killed_during_build),
    Kind("worker-killed-before-restart", killed_at("restart.before")),
    Kind("worker-killed-after-restart", killed_at("restart.after")),
    Kind("worker-killed-before-verify", killed_at("verify.before")),
    Kind("worker-killed-after-verify", killed_at("verify.after")),
    Kind("worker-killed-before-record", killed_at("record.before_commit", hits=5)),
    Kind("worker-killed-after-record", killed_at("record.after_commit", hits=5)),
    Kind("rollback-killed-after-files", killed_at("rollback.after_files", "bad0", UNDONE)),
    Kind("rollback-killed-after-build", killed_at("rollback.after_build", "bad0", UNDONE)),
    Kind("rollback-killed-after-restart", killed_at("rollback.after_restart", "bad0", UNDONE)),
    Kind("worker-stopped-past-its-lease", of_workers.stopped_past_its_lease),
    Kind("run-kills-every-worker", of_workers.kills_every_worker, rounds=10),
    Kind("redeployed-with-queued-runs", of_workers.redeployed, rounds=10),
    Kind("two-runs-at-once", of_runs.two_runs_at_once),
    Kind("cancelled-while-nobody-has-it", of_runs.cancelled_while_nobody_has_it),
    Kind("two-approvers-at-once", of_approvals.two_approvers),
    Kind("approve-against-reject", of_approvals.approve_against_reject),
    Kind("approve-against-cancel", of_approvals.approve_against_cancel),
    Kind("approve-against-expiry", of_approvals.approve_against_expiry),
    Kind("api-dies-after-approval", of_approvals.api_dies_after_approval),
    Kind("postgres-killed-in-mid-step", of_database.killed_in_mid_step),
    Kind("postgres-restarted-in-mid-step", of_database.restarted_in_mid_step),
    Kind("sessions-ended-at-record", of_database.sessions_ended_at_record),
    Kind("answer-lost-at-record", of_database.answer_lost_at_record),
    Kind("session-left-open", of_database.session_left_open, rounds=10),
    Kind("workers-clock-jumps", of_machines.workers_clock_jumps),
    Kind("databases-clock-jumps", of_machines.databases_clock_jumps),
    Kind("disk-full", of_machines.disk_full),
    Kind("hostile-build", of_machines.hostile_build, rounds=10),
    Kind("supervisor-hung-before-edit", of_machines.supervisor_hung_before_edit, rounds=10),
    Kind("supervisor-hung-after-edit", of_machines.supervisor_hung_after_edit, rounds=10),
    Kind("docker-away-before-edit", of_docker.before_edit("cut"), rounds=10),
    Kind("docker-hung-before-edit", of_docker.before_edit("hang"), rounds=10),
    Kind("docker-away-after-edit", of_docker.after_edit("cut"), rounds=10),
    Kind("docker-hung-after-edit", of_docker.after_edit("hang"), rounds=10),
)
