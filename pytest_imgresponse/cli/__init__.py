"""The `imgresponse` command."""
