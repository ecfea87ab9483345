from django.urls import path

from strongroom.application.lookup import views

# /orders/
urlpatterns = [
    path("orders/", views.orders, name="orders"),
    path("orders/find", views.find, name="find"),
    path("orders/<uuid:ref>/", views.order, name="order"),
    path("orders/<uuid:ref>/reveal", views.reveal, name="reveal"),
]
