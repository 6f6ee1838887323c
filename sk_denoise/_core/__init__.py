"""Foundations: units and shapes, argument checks, scikit-learn's private API, and atomic file writing."""
