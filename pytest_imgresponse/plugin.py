"""What pytest sees: options, ini, marker, fixtures, header, summary."""
