"""Secrets as they get into logs by mistake: every form holds the same word, so that one search finds them all."""

SECRET = "hunter2hunter2"
FORMS = (
    f"GET redis://worker:{SECRET}@redis:6379/0",
    f"GET https://{SECRET}@qdrant:6333/collections",
    f"authorization: Bearer {SECRET}.x",
    f"'authorization': 'Basic {SECRET}=='",
    f"key sk-{SECRET}{SECRET}",
    f"key gsk_{SECRET}{SECRET}",
    f"x-api-key: {SECRET}",
    f'api_key="{SECRET}"',
    f'{{"password": "{SECRET}"}}',
    f"token={SECRET}",
    f"client_secret: {SECRET}",
    f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}",
    f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
    f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
)
