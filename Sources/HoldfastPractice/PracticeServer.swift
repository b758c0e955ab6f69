// Providers that fail on purpose.
