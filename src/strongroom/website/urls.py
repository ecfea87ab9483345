"""Every route of the website: the sections' own, and the door to the first of them."""

from django.urls import include, path

from strongroom.website import views
from strongroom.website.wiring import PAGES

urlpatterns = [path("", views.home, name="home"), *(path("", include(pages)) for pages in PAGES)]
handler404 = "strongroom.website.views.not_found"
handler500 = "strongroom.website.views.failed"
