"""Django's settings, one file. What differs between installations comes from its folder, named by STRONGROOM_DATA.

Nothing here turns a control off, and DEBUG is never on: a traceback page would show what was opened.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from strongroom.website.wiring import SECTIONS

HERE = Path(__file__).parent
DATA = Path(os.environ["STRONGROOM_DATA"]) if "STRONGROOM_DATA" in os.environ else None
ROLE = os.environ.get("STRONGROOM_ROLE", "web")


def _credential(name: str) -> str:
    """A credential of this installation; without one (type checks, new migrations) a value that opens nothing."""
    if DATA is None:
        return "no installation"
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(folder) / name if folder else None
    path = given if given is not None and given.exists() else DATA / "credentials" / name
    return path.read_text(encoding="utf-8").strip()


def display_name(person: Any) -> str:
    """What a device shows beside a passkey."""
    return str(person.name)


def _database() -> dict[str, Any]:
    """How this process's role reaches the database, as the supervisor wrote it down."""
    known = json.loads((DATA / "database.json").read_text(encoding="utf-8")) if DATA else {}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": known.get("host", ""),
        "PORT": known.get("port", ""),
        "NAME": known.get("name", "strongroom"),
        "USER": f"strongroom_{ROLE}",
        "PASSWORD": _credential(f"database-{ROLE}"),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": None if ROLE == "worker" else 0,
        "OPTIONS": {
            "server_side_binding": True,  # literals never stand in a statement's text (RR-4)
            "prepare_threshold": 5,  # planned once a connection: over a partition a day, planning is the most of it
            **({"pool": {"min_size": 1, "max_size": 8, "timeout": 5}} if ROLE == "web" and DATA else {}),
            **known.get("options", {}),
        },
    }


DEBUG = False
# The website alone signs what it later reads (sessions). The worker may not read that key, and needs one to start.
SECRET_KEY = _credential("django-secret-key") if ROLE == "web" else secrets.token_urlsafe(48)
ALLOWED_HOSTS = os.environ.get("STRONGROOM_HOSTS", "localhost,127.0.0.1").split(",")
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.staticfiles",
    "strongroom.website",
    *SECTIONS,
    "strongroom.application.despatch",
    "strongroom.application.lookup",
    "strongroom.application.receipt",
]
MIDDLEWARE = [
    "strongroom.website.middleware.Headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "strongroom.website.middleware.Refusals",
    "strongroom.website.middleware.Sessions",
    "strongroom.website.middleware.Gate",
]
ROOT_URLCONF = "strongroom.website.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "strongroom.website.context.frame",
            ],
            "builtins": ["strongroom.website.templatetags.face"],
        },
    }
]
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

AUTH_USER_MODEL = "least_privilege.Person"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "strongroom.policy.access_management.probe_session.Backend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "sign-in"
# allauth's pages and mails are not used: no route of its is reachable (urls.py), sign-up does not exist.
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_DISPLAY = "strongroom.website.settings.display_name"
MFA_ADAPTER = "strongroom.policy.access_management.factors.SealingAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # also where allauth knows the person: a found key is no second factor
MFA_RECOVERY_CODE_DIGITS = 8

SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "strongroom.website.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = os.environ.get("STRONGROOM_HSTS", "") == "subdomains"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

STATIC_URL = "/static/"
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "strongroom.website.log.ValuelessFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django": {"handlers": [], "propagate": True}, "strongroom": {"level": "INFO"}},
}
