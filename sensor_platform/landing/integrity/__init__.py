"""What proves that landing is whole, and mends it: sequences of devices, checksums, damaged files, landing again."""
