from django.urls import path

from strongroom.policy.incident_response import views

# /cases/
urlpatterns = [
    path("cases/", views.cases, name="cases"),
    path("cases/declare", views.declare, name="declare"),
    path("cases/<int:number>/", views.case, name="case"),
    path("cases/<int:number>/take", views.take, name="take-case"),
    path("cases/<int:number>/decide", views.decide, name="decide-case"),
]
