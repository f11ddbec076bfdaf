"""A run's stored responses read and judged again, without generating anything."""
