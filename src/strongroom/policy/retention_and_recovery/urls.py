from django.urls import path

from strongroom.policy.retention_and_recovery import views

urlpatterns = [path("retention/", views.retention, name="retention")]
