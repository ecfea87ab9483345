from django.urls import path

from strongroom.website.wall import machine, views

urlpatterns = [
    path("wall/", views.the_wall, name="wall"),
    path("wall/screen", views.screen, name="screen"),
    path("wall/<str:id_>/", views.one, name="clause"),
    path("wall/<str:id_>/check", views.check, name="check-clause"),
    path("wall/<str:id_>/owner", views.own, name="own-clause"),
    path("wall/<str:id_>/exception", views.except_, name="except-clause"),
    path("wall/<str:id_>/exception/end", views.keep_again, name="keep-clause"),
    path("duties/", views.duties, name="duties"),
    path("duties/happened", views.happened, name="happened"),
    path("duties/<str:name>/", views.duty, name="duty"),
    path("approvals/", views.proposals, name="approvals"),
    path("approvals/<uuid:id_>/", views.proposal, name="approval"),
    path("approvals/<uuid:id_>/approve", views.approve, name="approve"),
    path("approvals/<uuid:id_>/decline", views.decline, name="decline"),
    path("registers/", views.register, name="registers"),
    path("registers/<str:what>", views.record, name="record"),
    path("status.json", machine.status, name="status"),
    path("metrics", machine.metrics, name="metrics"),
    path("healthz", machine.healthz, name="healthz"),
    path("readyz", machine.readyz, name="readyz"),
]
