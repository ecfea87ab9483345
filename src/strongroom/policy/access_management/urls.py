from django.urls import path

from strongroom.policy.access_management import people_views, views

urlpatterns = [
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-in/code", views.code, name="code"),
    path("sign-in/enrol", views.enrol, name="enrol"),
    path("sign-in/enrol/passkey", views.enrol_passkey, name="enrol-passkey"),
    path("sign-in/passkey", views.passkey, name="passkey"),
    path("sign-in/passkey/challenge", views.passkey_challenge, name="passkey-challenge"),
    path("switch", views.switch, name="switch"),
    path("step-up", views.step_up, name="step-up"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("first/<str:token>", views.first, name="first"),
    path("invitation/<str:token>", views.invitation, name="invitation"),
    path("me", people_views.me, name="me"),
    path("me/password", people_views.password, name="password"),
    path("me/passkeys", people_views.add_passkey, name="add-passkey"),
    path("me/recovery-codes", people_views.recovery_codes, name="recovery-codes"),
    path("me/command-token", people_views.command_token, name="command-token"),
    path("me/factors/<int:factor>/remove", people_views.remove_factor, name="remove-factor"),
    path("sessions/<uuid:session>/end", people_views.end_session, name="end-session"),
    path("people/", people_views.people, name="people"),
    path("people/invite", people_views.invite, name="invite"),
    path("people/<int:pk>/", people_views.person, name="person"),
    path("people/<int:pk>/grant", people_views.grant, name="grant"),
    path("people/<int:pk>/<slug:verb>", people_views.act, name="act-on-person"),
    path("grants/<int:grant>/approve", people_views.approve, name="approve-grant"),
    path("grants/<int:grant>/end", people_views.end, name="end-grant"),
]
