from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.access_management"
    label = "access_management"
    verbose_name = "Access management"
