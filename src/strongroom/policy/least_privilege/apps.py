from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.least_privilege"
    label = "least_privilege"
    verbose_name = "Least privilege"
