from django.urls import path

from strongroom.policy.logging_and_monitoring import views

# /journal/
urlpatterns = [
    path("journal/", views.journal, name="journal"),
    path("journal/<int:index>/", views.leaf, name="leaf"),
    path("journal/<int:index>/proof", views.proof_file, name="proof"),
]
