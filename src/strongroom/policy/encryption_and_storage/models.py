"""Sealed parts and the days they can be opened in, printers and the ledger of labels (ES-1, ES-4, ES-5).

Only ciphertext reaches `sealed`; no table here holds an address, and a print is known by references alone.
"""

from enum import IntEnum, StrEnum

from django.db import models


class PrintState(StrEnum):
    """Where a label is. The words stand in the database.

    From `sent` on it may be on paper; `unknown` is decided by a person, never printed again by itself (I19).
    """

    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    STOPPED = "stopped"
    LOST = "lost"


class PrintReason(IntEnum):
    """Why a label is printed; the numbers stand in the database and the journal."""

    FIRST = 1
    DAMAGED = 2
    MISFEED = 3
    MISSING = 4
    DID_NOT_COME_OUT = 5

    @property
    def words(self) -> str:
        return REASON_WORDS[self]


REASON_WORDS = {
    PrintReason.FIRST: "first label",
    PrintReason.DAMAGED: "damaged",
    PrintReason.MISFEED: "misfed",
    PrintReason.MISSING: "lost",
    PrintReason.DID_NOT_COME_OUT: "did not come out",
}


class DayKey(models.Model):
    """A day key that was born: the hash of the token its destroy leaf will reveal. Never the key."""

    pk = models.CompositePrimaryKey("account_id", "day", "generation")
    account_id = models.BigIntegerField()
    day = models.DateField()
    generation = models.SmallIntegerField()
    token_sha256 = models.BinaryField()
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "day_key"


class SealedPart(models.Model):
    """Which write of a part is current, and the day whose key wraps it."""

    pk = models.CompositePrimaryKey("account_id", "order_ref", "part")
    account_id = models.BigIntegerField()
    order_ref = models.UUIDField()
    part = models.SmallIntegerField()
    write = models.BigIntegerField()
    day = models.DateField()

    class Meta:
        db_table = "part"
        indexes = (models.Index(fields=["account_id", "day"], name="part_by_day"),)


class Sealed(models.Model):
    """A sealed part (docs/formats/sealed-part.md). Partitioned by UTC day: forgetting a day drops its partition."""

    pk = models.CompositePrimaryKey("account_id", "day", "order_ref", "part", "write")
    account_id = models.BigIntegerField()
    day = models.DateField()
    order_ref = models.UUIDField()
    part = models.SmallIntegerField()
    write = models.BigIntegerField()
    born = models.DateField()
    generation = models.SmallIntegerField()
    bundle = models.BinaryField()
    body = models.BinaryField()
    index_email = models.BinaryField(null=True)
    index_phone = models.BinaryField(null=True)
    index_place = models.BinaryField(null=True)

    class Meta:
        db_table = "sealed"
        managed = False  # Django knows no partitioned tables; the migration makes it


class Place(models.Model):
    """Where things that hold Amazon's data stand, and what keeps others out (GS-1). Local table; named by its name."""

    name = models.CharField(max_length=40, primary_key=True)
    kind = models.CharField(max_length=12)
    controls = models.CharField(max_length=300)
    recorded_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "place"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind__in=["server room", "bench", "office", "store", "elsewhere"]),
                name="place_kind_is_known",
            ),
            models.CheckConstraint(condition=~models.Q(controls=""), name="place_has_a_control"),
        )

    def __str__(self) -> str:
        return self.name


class Equipment(models.Model):
    """A server or a bin, and the place it stands in (GS-1). Local table. `name`: a server's own host name."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8)
    place = models.ForeignKey(Place, models.PROTECT, db_column="place", related_name="+")
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "equipment"
        constraints = (
            models.CheckConstraint(condition=models.Q(kind__in=["server", "bin"]), name="equipment_kind_is_known"),
        )


class Threat(models.Model):
    """What could happen to a link, a store or a recipient, and what is done about it (GS-2). Local table.

    subject: such as `link:printer` or `store:sealed`. A threat has a control, or a residual that somebody accepted.
    """

    subject = models.CharField(max_length=40, primary_key=True)
    words = models.CharField(max_length=300)
    control = models.CharField(max_length=300)
    residual = models.CharField(max_length=300)
    accepted_by = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField()
    reviewed_at = models.DateTimeField()

    class Meta:
        db_table = "threat"
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(control="") | models.Q(accepted_by__isnull=False), name="threat_is_answered"
            ),
        )


class Link(models.Model):
    """A way that data travels, with its transport and its threat (ET-3, GS-2). Local table. Printers are links too.

    name: such as `website` or `marketplace`. direction: `in`, `out` or `here` (within the machine).
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)
    direction = models.CharField(max_length=4)
    peer = models.CharField(max_length=200)
    transport = models.CharField(max_length=20)
    carries = models.CharField(max_length=20)
    threat = models.ForeignKey(Threat, models.PROTECT, db_column="threat", related_name="+")
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "link"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(transport__in=["TLS 1.3", "TLS 1.2", "Unix socket"]),
                name="link_is_encrypted_or_here",
            ),
            models.CheckConstraint(
                condition=models.Q(direction__in=["in", "out", "here"]), name="link_has_a_direction"
            ),
            models.CheckConstraint(
                condition=models.Q(carries__in=["personal data", "other Amazon data", "no Amazon data"]),
                name="link_says_what_it_carries",
            ),
        )


class Printer(models.Model):
    """A registered label printer: its address and the SHA-256 of the only certificate it is believed with (ET-1).

    Local table. It stands in a place, and a threat speaks of it (GS-1, GS-2). `second` takes over while this one is
    down; `format` is what it prints, `pdf` or `zpl`. `jobs_from`: the last job that it remembered when it was first
    asked, `jobs_last` when it was asked last; `jobs_seen` came between, `jobs_foreign` are no print of ours (ES-5).
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=20, unique=True)
    place = models.ForeignKey(Place, models.PROTECT, db_column="place", related_name="+")
    threat = models.ForeignKey(Threat, models.PROTECT, db_column="threat", related_name="+", default="link:printer")
    uri = models.CharField(max_length=200)
    fingerprint = models.BinaryField()
    format = models.CharField(max_length=4)
    second = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    condition = models.CharField(max_length=12)
    reasons = models.CharField(max_length=120)
    asked_at = models.DateTimeField(null=True)
    jobs_from = models.IntegerField(null=True)
    jobs_last = models.IntegerField(null=True)
    jobs_seen = models.IntegerField(null=True)
    jobs_foreign = models.IntegerField(null=True)
    jobs_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "printer"
        constraints = (
            models.CheckConstraint(condition=models.Q(uri__startswith="ipps://"), name="printer_speaks_tls_only"),
            models.CheckConstraint(condition=models.Q(format__in=["pdf", "zpl"]), name="printer_format_is_known"),
            models.CheckConstraint(
                condition=models.Q(condition__in=["unasked", "ready", "busy", "stopped", "down", "wrong"]),
                name="printer_condition_is_known",
            ),
        )


class LabelPrint(models.Model):
    """The print ledger, and the queue: one row a label, by references only. Account table; never deleted (ES-4).

    `printer` is a printer's id without a foreign key, `by` a person's reference of that year, `job` the printer's
    number for it, `since` when the state began.
    """

    pk = models.CompositePrimaryKey("account_id", "id")
    account_id = models.BigIntegerField()
    id = models.UUIDField()
    order_ref = models.UUIDField()
    parcel = models.SmallIntegerField()
    reason = models.SmallIntegerField()
    copies = models.SmallIntegerField()
    printer = models.BigIntegerField()
    by = models.UUIDField()
    state = models.CharField(max_length=10)
    queued_at = models.DateTimeField()
    since = models.DateTimeField()
    try_at = models.DateTimeField()
    tries = models.IntegerField()
    claimed_until = models.DateTimeField(null=True)
    job = models.IntegerField(null=True)
    problem = models.CharField(max_length=40, null=True)
    decided_by = models.UUIDField(null=True)

    class Meta:
        db_table = "label_print"
        constraints = (
            models.UniqueConstraint(
                fields=["account_id", "order_ref", "parcel"],
                condition=models.Q(reason=PrintReason.FIRST) & ~models.Q(state__in=["stopped", "lost"]),
                name="label_is_printed_first_once",
            ),
            models.CheckConstraint(condition=models.Q(account_id__gt=0), name="label_is_of_a_selling_account"),
            models.CheckConstraint(condition=models.Q(state__in=list(PrintState)), name="label_state_is_known"),
            models.CheckConstraint(condition=models.Q(reason__in=list(PrintReason)), name="label_reason_is_known"),
            models.CheckConstraint(condition=models.Q(copies=1), name="label_is_one_copy"),
        )
        indexes = (
            models.Index(fields=["account_id", "order_ref"], name="label_print_by_order"),
            models.Index(fields=["account_id", "state", "try_at"], name="label_print_by_state"),
            models.Index(fields=["account_id", "queued_at"], name="label_print_by_time"),
        )
