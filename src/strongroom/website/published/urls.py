from django.urls import path

from strongroom.website.published import views

# /policy and /privacy are the public's; below /policy/ is the office
urlpatterns = [
    path("policy", views.public, {"name": "policy.html"}, name="policy"),
    path("policy.pdf", views.public, {"name": "policy.pdf"}, name="policy-pdf"),
    path("policy.json", views.public, {"name": "policy.json"}, name="policy-facts"),
    path("policy.sums", views.public, {"name": "policy.sums"}, name="policy-sums"),
    path("privacy", views.public, {"name": "privacy.html"}, name="privacy"),
    path("privacy.pdf", views.public, {"name": "privacy.pdf"}, name="privacy-pdf"),
    path("policy/office", views.office, name="policy-office"),
    path("policy/preview/<slug:page>", views.preview, name="policy-preview"),
    path("policy/publish", views.publish, name="policy-publish"),
    path("policy/answers", views.answers, name="policy-answers"),
]
