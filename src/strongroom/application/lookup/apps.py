from django.apps import AppConfig


class Lookup(AppConfig):
    name = "strongroom.application.lookup"
    label = "lookup"
