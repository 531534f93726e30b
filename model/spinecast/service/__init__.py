"""The HTTP service: patients in as JSON, assessments and scores out; extra `spinecast[service]`.

Nothing about a person is kept or logged. Imports everything below; nothing imports it but the command line.
"""
