from django.urls import path

from strongroom.application.despatch import views
from strongroom.application.despatch.pack import views as pack
from strongroom.application.despatch.printing import views as printing

# /pack, /worklist/, /waves/, /prints/, /printers/
urlpatterns = [
    path("pack", pack.pack, name="pack"),
    path("pack/scan", pack.scan, name="pack-scan"),
    path("pack/again", pack.again, name="pack-again"),
    path("pack/decide", pack.decide, name="pack-decide"),
    path("pack/settings", pack.settings, name="pack-settings"),
    path("worklist/", views.worklist, name="worklist"),
    path("worklist/wave", views.make_wave, name="make-wave"),
    path("worklist/<uuid:ref>/", views.parcels, name="parcels"),
    path("worklist/<uuid:ref>/hold", views.hold, name="hold"),
    path("worklist/<uuid:ref>/here", views.still_here, name="still-here"),
    path("worklist/<uuid:ref>/part", views.part, name="part"),
    path("worklist/<uuid:ref>/buy", views.buy, name="buy-label"),
    path("worklist/<uuid:ref>/parcels/<int:number>/left", views.hand_over, name="hand-over"),
    path("waves/<int:account>/<int:number>/", views.wave, name="wave"),
    path("prints/undecided", views.undecided, name="undecided"),
    path("prints/<uuid:label>/decide", views.decide, name="decide"),
    path("printers/", printing.printers, name="printers"),
    path("printers/add", printing.add, name="add-printer"),
    path("printers/<int:printer>/retire", printing.retire, name="retire-printer"),
    path("printers/<int:printer>/test", printing.test, name="test-printer"),
]
