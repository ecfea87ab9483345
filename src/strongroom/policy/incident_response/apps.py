from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.incident_response"
    label = "incident_response"
    verbose_name = "Incident response"
