from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.obligations"
    label = "obligations"
    verbose_name = "Obligations"
