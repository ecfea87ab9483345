from django.urls import path

from strongroom.policy.obligations.channels import views

urlpatterns = [
    path("messages/", views.messages, name="messages"),
    path("messages/<uuid:id_>/", views.message, name="message"),
    path("messages/link/<str:token>", views.link, name="message-link"),
]
