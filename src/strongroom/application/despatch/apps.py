from django.apps import AppConfig


class Despatch(AppConfig):
    name = "strongroom.application.despatch"
    label = "despatch"
    verbose_name = "Despatch"
