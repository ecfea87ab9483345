from django.apps import AppConfig


class Receipt(AppConfig):
    name = "strongroom.application.receipt"
    label = "receipt"
