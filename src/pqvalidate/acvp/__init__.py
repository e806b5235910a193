"""ACVP files: tests for a device that may not be connected, and the judgement of what it answered.

``emit`` makes fresh prompt files and keeps the expected results apart; ``answers`` turns response files into an
implementation that answers from the record, so that the ordinary checks, controls, bundle and certificate apply to it.
"""
