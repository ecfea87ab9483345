"""The website: settings, middleware, wiring and the face. It shows what the sections decide."""
