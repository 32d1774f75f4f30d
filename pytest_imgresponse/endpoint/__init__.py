"""`LocalEndpoint`: an OpenAI-compatible images API on the loopback."""
