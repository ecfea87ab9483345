from django.apps import AppConfig


class Section(AppConfig):
    name = "strongroom.policy.encryption_and_storage"
    label = "encryption_and_storage"
    verbose_name = "Encryption and storage"
