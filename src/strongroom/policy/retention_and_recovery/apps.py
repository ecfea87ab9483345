from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.retention_and_recovery"
    label = "retention_and_recovery"
    verbose_name = "Data retention and recovery"
