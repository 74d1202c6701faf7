"""Homes aged by simulation, and what they cost. `make age DAYS=1095` writes one and measures it beside a young one.

What the platform would have written is written directly: landing all segments of three years would take months. The
newest hour is really landed. `test_age.py` compares a simulated hour with one that was really landed.
"""
