from django.urls import path

from strongroom.policy.access_management import views

urlpatterns = [
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-in/code", views.code, name="code"),
    path("sign-in/enrol", views.enrol, name="enrol"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("first/<str:token>", views.first, name="first"),
]
