"""Obligations, and what shows whether promises hold: runs of checks, evidence, turns, messages (DESIGN 1)."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from django.db import models

from strongroom.policy.least_privilege.models import Person


class Obligations(models.QuerySet["Obligation"]):
    """Obligations by where they stand."""

    def open(self) -> Self:
        return self.filter(satisfied_at__isnull=True, withdrawn_at__isnull=True)

    def breached(self) -> Self:
        """Open past their due time."""
        return self.open().filter(breached_at__isnull=False)


class ObligationState(StrEnum):
    """Where an obligation stands; follows from its times."""

    OPEN = "open"
    WARNED = "warned"
    BREACHED = "breached"
    SATISFIED = "satisfied"
    LATE = "satisfied late"
    WITHDRAWN = "withdrawn"


class Obligation(models.Model):
    """A due act. `subject`: an order's reference, or a day's or person's number as a UUID; `evidence`: a journal entry.

    duty: the name of a recurring duty, for kind "duty". next_at: when the sweeper looks at it again, a warning or its
    due time. first_due_at: what was promised first; `due_at` may be earlier, or later by the `approval` that is named.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    kind = models.CharField(max_length=24)
    duty = models.CharField(max_length=40, default="")
    clause = models.CharField(max_length=8)
    subject = models.UUIDField()
    opened_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    due_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    first_due_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    breached_at = models.DateTimeField(null=True)
    satisfied_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    approval = models.UUIDField(null=True)
    evidence = models.UUIDField(null=True)

    objects = Obligations.as_manager()

    class Meta:
        db_table = "obligation"
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "kind", "duty", "subject"],
                condition=models.Q(satisfied_at__isnull=True, withdrawn_at__isnull=True),
                name="obligation_is_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(satisfied_at__isnull=True, evidence__isnull=True)
                | models.Q(satisfied_at__isnull=False, evidence__isnull=False),
                name="obligation_is_satisfied_with_evidence",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at__isnull=True)
                | models.Q(satisfied_at__isnull=True, approval__isnull=False),
                name="obligation_is_withdrawn_by_approval",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[
                    "forget day", "forget cancelled", "ask again", "explain opening", "duty", "answer alarm",
                    "look into lock", "leaver out", "forget other data", "change key",
                ]),
                name="obligation_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="duty") & ~models.Q(duty="") | ~models.Q(kind="duty") & models.Q(duty=""),
                name="obligation_duty_is_named",
            ),
        )  # fmt: skip
        indexes = (
            models.Index(fields=["account_id", "due_at"], name="obligation_by_due"),
            models.Index(
                fields=["next_at"],
                condition=models.Q(satisfied_at__isnull=True, withdrawn_at__isnull=True),
                name="obligation_by_next",
            ),
            models.Index(
                fields=["account_id", "clause", "due_at"],
                condition=models.Q(satisfied_at__isnull=True, withdrawn_at__isnull=True),
                name="obligation_open_by_clause",
            ),
            models.Index(
                fields=["account_id", "kind", "duty", "clause", "due_at"],
                include=["warned_at"],
                condition=models.Q(satisfied_at__isnull=True, withdrawn_at__isnull=True),
                name="obligation_open_by_kind",
            ),
        )

    @property
    def state(self) -> ObligationState:
        if self.withdrawn_at is not None:
            return ObligationState.WITHDRAWN
        if self.satisfied_at is not None:
            late = self.breached_at is not None or self.satisfied_at > self.due_at
            return ObligationState.LATE if late else ObligationState.SATISFIED
        if self.breached_at is not None:
            return ObligationState.BREACHED
        return ObligationState.WARNED if self.warned_at is not None else ObligationState.OPEN


class Run(models.Model):
    """One run of a check, written when it begins, completed once, never deleted. `entry`: its place in the journal.

    seen: canonical JSON of the figures it judged by; inputs_sha256 their hash. source: who looked.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    check_id = models.CharField(max_length=40)
    clause = models.CharField(max_length=8)
    began_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    limit_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, null=True)
    reason = models.CharField(max_length=400, default="")
    seen = models.TextField(default="")
    inputs_sha256 = models.BinaryField(null=True)
    milliseconds = models.IntegerField(null=True)
    source = models.CharField(max_length=12)
    entry = models.UUIDField(null=True)

    class Meta:
        db_table = "run"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, outcome__isnull=True, entry__isnull=True)
                | models.Q(
                    ended_at__isnull=False, outcome__in=["pass", "fail", "unknown", "unused"], entry__isnull=False
                ),
                name="run_ends_with_an_outcome",
            ),
        )  # fmt: skip
        indexes = (
            models.Index(fields=["account_id", "check_id", "-began_at"], name="run_by_check"),
            models.Index(
                fields=["account_id", "limit_at"], condition=models.Q(ended_at__isnull=True), name="run_unfinished"
            ),
        )


class Evidence(models.Model):
    """What shows that something was done: immutable, superseded by newer, never edited (DESIGN 1).

    effective_from, effective_until: the time it speaks about; received_at: when it came. words: what a person says of
    it; document_sha256 and kept_at: a document elsewhere, by its hash. sha256 covers all of it; `entry` is its place.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    clause = models.CharField(max_length=8)
    duty = models.CharField(max_length=40, default="")
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    by = models.UUIDField()
    words = models.TextField()
    document_sha256 = models.BinaryField(null=True)
    kept_at = models.CharField(max_length=120, default="")
    sha256 = models.BinaryField()
    entry = models.UUIDField()
    superseded_by = models.UUIDField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "evidence"
        indexes = (models.Index(fields=["account_id", "clause", "-effective_from"], name="evidence_by_clause"),)


class Turn(models.Model):
    """A clause changed its state: from what to what, when, and why. Insert-only: the history of the wall."""

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    clause = models.CharField(max_length=8)
    at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    was = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=400)

    class Meta:
        db_table = "turn"
        indexes = (models.Index(fields=["account_id", "clause", "-at"], name="turn_by_clause"),)


class CheckDue(models.Model):
    """When each check runs next, and whether somebody asked for it now. Local table."""

    check_id = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField()
    wanted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "check_due"


class Heartbeat(models.Model):
    """When something that must never be silent last did its round: the sweeper, the checks. Local table."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat"


class PolicyVersion(models.Model):
    """One version of the profiles in force: canonical JSON of their texts, approved as that. Reference table."""

    number = models.IntegerField(primary_key=True)
    content = models.TextField()
    digest = models.BinaryField()
    since = models.DateTimeField()
    approval = models.UUIDField(null=True)
    entry = models.UUIDField(null=True)

    class Meta:
        db_table = "policy_version"


class ClauseOwner(models.Model):
    """Who answers for a clause, and who stands in; handed over by a new row. Local table."""

    id = models.BigAutoField(primary_key=True)
    clause = models.CharField(max_length=8)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    delegate = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    given_by = models.ForeignKey(Person, models.PROTECT, related_name="+")

    class Meta:
        db_table = "clause_owner"
        constraints = (
            models.UniqueConstraint(
                fields=["clause"], condition=models.Q(until__isnull=True), name="clause_owner_is_one"
            ),
        )


class ClauseException(models.Model):
    """A clause that is not kept for a while, with an approval, and an end. Local table; never longer than approved."""

    id = models.BigAutoField(primary_key=True)
    clause = models.CharField(max_length=8)
    reason = models.CharField(max_length=300)
    since = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    approval = models.ForeignKey("least_privilege.Approval", models.PROTECT, related_name="+")

    class Meta:
        db_table = "clause_exception"
        constraints = (
            models.UniqueConstraint(
                fields=["clause"], condition=models.Q(ended_at__isnull=True), name="clause_exception_is_one"
            ),
        )


class Message(models.Model):
    """A message on its way to somebody: no personal data, no secret in it (I26). Account table.

    to: a person's number; 0 for a mailbox of the configuration, named `list:place`, or for the webhook. key: the same
    news is told once. body: as it is sent; a mail's link is added to it when it leaves. again_after: seconds after
    which it is sent again until somebody acknowledges it; 0 for never. over_at: since when there is nothing to tell.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    channel = models.CharField(max_length=8)
    event = models.CharField(max_length=24)
    clause = models.CharField(max_length=8, default="")
    to = models.BigIntegerField()
    mailbox = models.CharField(max_length=24, default="")
    key = models.CharField(max_length=120)
    subject = models.CharField(max_length=120)
    body = models.TextField()
    made_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    state = models.CharField(max_length=12)
    tries = models.IntegerField()
    try_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    sent_times = models.IntegerField()
    again_after = models.IntegerField()
    over_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.UUIDField(null=True)

    class Meta:
        db_table = "outbox"
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "channel", "to", "mailbox", "key"], name="message_is_told_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "sent", "failed", "acknowledged", "dropped"]),
                name="message_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=["mail", "webhook"]), name="message_channel_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                & ~models.Q(state="acknowledged")
                | models.Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False, state="acknowledged"),
                name="message_is_acknowledged_by_somebody",
            ),
        )
        indexes = (
            models.Index(fields=["account_id", "state", "try_at"], name="message_by_state"),
            models.Index(fields=["account_id", "-made_at"], name="message_by_time"),
            models.Index(fields=["account_id", "key"], name="message_by_key"),
        )


class Delivery(models.Model):
    """One attempt to deliver a message: written before it, completed once after it, with what the server said.

    An attempt without an end was cut off: the message may have arrived and is tried again. proof: the server's enhanced
    status and queue number. link_sha256: of the token in this attempt's link, the only trace of it.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    message = models.UUIDField()
    at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    delivered = models.BooleanField(null=True)
    code = models.IntegerField(null=True)
    problem = models.CharField(max_length=40, default="")
    proof = models.CharField(max_length=80, default="")
    milliseconds = models.IntegerField(null=True)
    link_sha256 = models.BinaryField(null=True)

    class Meta:
        db_table = "delivery"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, delivered__isnull=True)
                | models.Q(ended_at__isnull=False, delivered__isnull=False),
                name="delivery_ends_with_an_outcome",
            ),
        )
        indexes = (
            models.Index(fields=["account_id", "message", "at"], name="delivery_by_message"),
            models.Index(
                fields=["account_id", "link_sha256"],
                condition=models.Q(link_sha256__isnull=False),
                name="delivery_by_link",
            ),
        )
