"""What everything rests on: units and shapes, checks of arguments, scikit-learn's glue, files replaced whole."""
