from django.urls import path

from strongroom.application.receipt import views

# /marketplace/
urlpatterns = [
    path("marketplace/", views.marketplace, name="marketplace"),
    path("marketplace/ask", views.ask, name="ask"),
]
