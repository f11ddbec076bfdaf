"""What one host makes of records, written down for `videokr parity`."""
