from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.logging_and_monitoring"
    label = "logging_and_monitoring"
    verbose_name = "Logging and monitoring"
