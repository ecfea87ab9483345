from django.urls import path

from strongroom.application.lookup import views

# /orders/
urlpatterns = [
    path("orders/", views.orders, name="orders"),
    path("orders/find", views.find, name="find"),
    path("orders/customer", views.find_person, name="find-person"),
    path("orders/<uuid:ref>/", views.order, name="order"),
    path("orders/<uuid:ref>/reveal", views.reveal, name="reveal"),
    path("orders/<uuid:ref>/extend", views.extend, name="extend"),
    path("openings/", views.openings, name="openings"),
    path("openings/<int:account>/<uuid:entry>/why", views.ask_why, name="ask-why"),
    path("questions/", views.questions, name="questions"),
    path("questions/<uuid:obligation>", views.answer, name="answer"),
]
