"""What keeps data from coming in past the gate, from standing unsealed, and from staying (DF, RR, AZ-3, AZ-12)."""

from typing import Final

from strongroom.policy.clauses.controls import Guard

GUARDS: Final = (
    Guard(
        "DF-1",
        "One gateway makes every call; an order without its call is refused; free text is looked at before it is kept.",
        ("application.gateway:client", "db:order_traces_to_a_call", "policy.definitions:refuse_personal"),
    ),
    Guard(
        "DF-2",
        "Nothing starts while a field stands in no class of the catalogue.",
        ("website.checks:fields_are_classified", "policy.definitions.fields:catalogue"),
    ),
    Guard(
        "DF-3",
        "What could be somebody's is a secret as soon as it is read, and sealed or dropped; item lines go with it.",
        ("marketplace.parse:order_page", "application.receipt.actions:_seal_page", "db:erase_rows",
         "policy.retention_and_recovery.actions:tombstone_due"),
    ),
    Guard(
        "RR-1",
        "Personal data is asked for and sealed of orders only that we must ship; purposes are a list.",
        ("application.receipt.rules:wants_personal_data", "db:seal_rows", "formats.parts:Purpose",
         "keybroker.sealing:open_parts"),
    ),
    Guard(
        "RR-2",
        "A key dies 28 days after its day began, in the key broker, whatever else runs; what is done is never sealed.",
        ("keybroker.broker:GREATEST_LIFE", "keybroker.keys:KeyRing", "db:order_is_latched", "db:seal_rows",
         "db:carry_rows", "db:sealed_is_carried_once", "db:drop_day", "db:day_key_is_kept"),
    ),
    Guard(
        "RR-3",
        "A cancelled order's rows are deleted at its term; its deadline can only move earlier.",
        ("policy.retention_and_recovery.actions:forget_cancelled", "db:erase_rows", "db:obligation_moves_earlier"),
    ),
    Guard(
        "RR-4",
        "What could be somebody's has a type that prints as ***; only ciphertext reaches SQL; no column takes free text"
        " unread; no program writes a customer's words into a file.",
        ("formats.secret:Secret", "website.log:ValuelessFormatter", "website.log:end_without_values", "db:seal_rows",
         "policy.definitions:refuse_personal", "installation.external:refuse_if_leaky"),
    ),
    Guard(
        "ES-1",
        "The key broker binds each row to its place: what stands anywhere else does not open.",
        ("formats.sealed:bundle", "keybroker.sealing:open_parts"),
    ),
    Guard(
        "AZ-3",
        "The day an order was done has its deadline; what is forgotten goes by a function that demands its entry.",
        ("policy.retention_and_recovery.leaving:promise", "policy.retention_and_recovery.leaving:forget_other_data",
         "db:forget_other_data", "db:order_is_not_deleted"),
    ),
    Guard(
        "AZ-12",
        "An order bears its origin by a constraint, and every row of Amazon's leads to one by its key.",
        ("db:order_has_its_origin", "db:order_item_is_of_an_order", "db:parcel_is_of_an_order",
         "db:sealed_is_of_an_order", "db:label_print_is_of_an_order"),
    ),
)  # fmt: skip
